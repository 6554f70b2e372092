"""``register``, ``resolve``, ``call`` and a clean stop, before real registrars that are well,
over UDP and TCP, IPv4 and IPv6; and the same stop when no server answers any more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.bind import Bind
from tests.interop.kamailio import Kamailio
from tests.interop.net import free_port
from tests.interop.phone import Phone, epoch_s
from tests.interop.raw_sip import is_alive
from tests.interop.site import DOMAIN, USERS, Site, example

pytestmark = pytest.mark.needs("kamailio", "named")

STOP_S = 5.0  # what a clean stop may take
SLACK_S = 1.0  # to start and to end a process


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Two registrars that share what is registered, behind NAPTR, SRV and A records."""
    with Site(tmp_path) as site:
        yield site


@pytest.fixture
def tcp_site(tmp_path: Path) -> Iterator[Site]:
    """The same, their NAPTR record asking for TCP."""
    with Site(tmp_path, transport="tcp") as site:
        yield site


@pytest.mark.rule("R1", "A3", "R5")
def test_register_says_where_the_line_landed_and_removes_the_binding(site: Site) -> None:
    done = site.run("register", example("failover"), "4605", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)["lines"]
    assert line["target"] == f"UDP {site.primary.address}:5060"
    assert line["took_s"] < 2
    assert site.primary.bindings() == {}


@pytest.mark.rule("R10")
def test_register_keep_leaves_one_binding_at_the_phones_own_address(site: Site) -> None:
    done = site.run("register", example("failover"), "4605", "--keep")
    assert done.returncode == 0, done.stderr
    (contact,) = site.primary.bindings()["4605"]
    assert contact.startswith(f"sip:4605@{site.address('4605')}:5060;line=")


@pytest.mark.rule("A6", "A3")
def test_register_with_a_wrong_password_is_refused_without_failover(site: Site) -> None:
    text = example("failover").replace("password = 4605", "password = wrong-one")
    done = site.run("register", text, "4605", "--json", "--verbose")
    assert done.returncode == 3
    (line,) = json.loads(done.stdout)["lines"]
    assert line["registered"] is False
    assert "401" in line["why"]
    assert site.secondary.address not in "\n".join(
        told for told in done.stderr.splitlines() if "REGISTER" in told
    )
    assert "wrong-one" not in done.stdout + done.stderr


@pytest.mark.rule("A1", "S5")
def test_register_lands_on_the_secondary_when_the_primary_is_dead(site: Site) -> None:
    site.primary.kill()
    done = site.run("register", example("failover"), "4605", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)["lines"]
    assert line["target"] == f"UDP {site.secondary.address}:5060"
    assert line["took_s"] < 1


@pytest.mark.rule("D3", "D4", "D7", "P4")
def test_resolve_shows_the_hop_list_and_the_records_behind_it(site: Site) -> None:
    done = site.resolve(example("guide-failover"), "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["lists"]
    assert found["group"] == "proxy 1"  # the server's own address is not resolved
    hops = found["hops"]
    assert [hop["address"] for hop in hops] == [site.primary.address, site.secondary.address]
    assert [why.split()[0] for why in hops[0]["why"]] == ["NAPTR", "SRV", "A"]


@pytest.mark.rule("C1", "F6", "R10")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_between_two_phones(tmp_path: Path, transport: str) -> None:
    with Site(tmp_path, transport=transport) as site:
        kind, target = transport.upper(), f"{transport.upper()} {site.primary.address}:5060"
        with site.phone(example("failover", "4606"), "4606", answer=True) as callee:
            there = callee.wait_for("Registered", 10)["hop"]["target"]
            assert (there["transport"], there["address"]) == (kind, site.primary.address)
            call = site.call(example("failover", "4605"), "4605", "4606")
            assert call["exit_code"] == 0, call
            assert call["target"] == target
            assert call["answered_s"] < 2
            callee.wait_for("CallChanged", 5, state="ended")
        assert callee.returncode == 0, callee.log_tail()
        assert site.primary.bindings() == {}
        assert site.secondary.bindings() == {}


@pytest.mark.rule("R10", "F6")
def test_over_tcp_the_contact_is_the_connection(tcp_site: Site) -> None:
    site = tcp_site
    with site.phone(example("failover"), answer=True) as phone:
        phone.wait_for("Registered", 10)
        (contact,) = site.primary.bindings()["4605"]
        assert f"@{site.address('4605')}:" in contact
        assert "transport=tcp" in contact.lower()


@pytest.mark.rule("S4", "A1", "R9")
def test_over_tcp_a_dead_primary_is_left_at_once(tcp_site: Site) -> None:
    site = tcp_site
    with site.phone(example("failover")) as phone:
        phone.wait_for("Registered", 10)
        begin = time.time()
        site.primary.kill()
        moved = phone.wait_for("FailedOver", 5)
        assert moved["hop"]["target"]["address"] == site.secondary.address
        assert epoch_s(moved) - begin < 2
        assert list(site.secondary.bindings()) == ["4605"]


@pytest.mark.rule("R5")
@pytest.mark.parametrize("frozen", [False, True], ids=["servers well", "servers frozen"])
def test_the_stop_on_sigterm_is_clean_and_bounded(site: Site, frozen: bool) -> None:
    phone = site.phone(example("failover"))
    with phone:
        phone.wait_for("Registered", 10)
        assert list(site.primary.bindings()) == ["4605"]
        if frozen:
            site.primary.freeze()
            site.secondary.freeze()
        begin = time.monotonic()
        phone.stop()
        took_s = time.monotonic() - begin
    assert phone.returncode == 0
    if frozen:
        assert took_s < STOP_S + SLACK_S
        assert "not every server confirmed" in phone.log_tail()
    else:
        assert took_s < SLACK_S
        assert site.primary.bindings() == {}
        assert site.secondary.bindings() == {}


@pytest.mark.rule("D9")
def test_a_registrar_on_ipv6_behind_an_aaaa_record(tmp_path: Path) -> None:
    here = "::1"
    port, phone_port = free_port(here), free_port(here)
    records = f"""
        _sip._udp SRV 0 2 {port} primary
        primary AAAA {here}
    """
    passwords = {user: user for user in USERS}
    config = example("failover") + f"sip.listen_port = {phone_port}\n"
    with (
        Kamailio(tmp_path, here, passwords, domain=DOMAIN, port=port) as kamailio,
        Bind(tmp_path, records, zone=DOMAIN, address=here) as names,
        Phone(tmp_path, config, names=names, bind=here) as phone,
    ):
        assert is_alive(here, port)
        registered = phone.wait_for("Registered", 10)
        assert registered["hop"]["target"]["address"] == here
        (contact,) = kamailio.bindings()["4605"]
        assert contact.startswith(f"sip:4605@[{here}]:{phone_port}")
        phone.stop()
        assert phone.returncode == 0
        assert kamailio.bindings() == {}
