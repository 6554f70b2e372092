"""A Kamailio of our own: registrar with digest and proxy, generated from a few lines."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import tools
from tests.interop.net import place
from tests.interop.process import Process
from tests.interop.raw_sip import is_alive

__all__ = ["Kamailio"]

_CONFIG = """\
#!KAMAILIO
debug=2
log_stderror=yes
children=1              # one worker per socket: it answers in the order of arrival
tcp_children=1
listen=udp:{place}
listen=tcp:{place}
alias="{domain}"
auto_aliases=no
dns=no
rev_dns=no
server_header="Server: Kamailio {name}"

loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "jsonrpcs.so"

modparam("usrloc", "db_mode", 0)
modparam("usrloc", "use_domain", 0)
modparam("registrar", "min_expires", {min_expires_s})
modparam("registrar", "max_expires", 7200)
modparam("rr", "append_fromtag", 1)
modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 120000)
modparam("auth", "nonce_expire", {nonce_expires_s})
modparam("auth", "qop", "auth")
modparam("auth", "algorithm", "{algorithm}")
modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "{rpc}")

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
        }} else if (is_method("ACK")) {{
            if (t_check_trans()) t_relay();
        }} else {{
            sl_send_reply("404", "Not Here");
        }}
        exit;
    }}
    t_check_trans();    # a resend gets the last reply again and ends here
    if (is_method("OPTIONS") && $rU == $null) {{
        sl_send_reply("200", "OK");
        exit;
    }}
{from_peer}
    {who_is_challenged}route(AUTHENTICATE);
    if (is_method("REGISTER")) {{
        save("location");
{to_peer}
        exit;
    }}
    remove_hf("Route");
    record_route();
    if (!lookup("location")) {{
        sl_send_reply("404", "Not Found");
        exit;
    }}
    if (!t_relay()) sl_reply_error();
}}

route[AUTHENTICATE] {{
    $var(password) = "";
    switch ($au) {{
{passwords}
    }}
    if (is_method("REGISTER")) {{
        if ($var(password) == "" || !pv_www_authenticate("{domain}", "$var(password)", "0")) {{
            www_challenge("{domain}", "1");
            exit;
        }}
    }} else {{
        if ($var(password) == "" || !pv_proxy_authenticate("{domain}", "$var(password)", "0")) {{
            proxy_challenge("{domain}", "1");
            exit;
        }}
    }}
    consume_credentials();
}}
"""

_FROM_PEER = """\
    if (is_method("REGISTER") && $si == "{peer}") {{
        save("location");
        exit;
    }}
"""

_TO_PEER = """\
        t_replicate("sip:{peer}:{port}");
"""


class Kamailio(Process):
    """Registrar and proxy for ``domain`` on UDP and TCP, with digest for every request.

    ``passwords``: user name -> password. ``share_with``: the address of another Kamailio of
    ours that gets a copy of each REGISTER, so that the two share their registrations
    (``register_on_enable`` 0 supposes that); name each to the other. ``challenge_calls``
    False: digest for REGISTER alone. An IPv6 ``address`` comes without brackets.
    """

    def __init__(
        self,
        directory: Path,
        address: str,
        passwords: Mapping[str, str],
        *,
        name: str = "kamailio",
        domain: str = "example.test",
        port: int = 5060,
        algorithm: str = "MD5",
        nonce_expires_s: int = 300,
        min_expires_s: int = 0,
        share_with: str = "",
        challenge_calls: bool = True,
    ) -> None:
        self.address = address
        self.port = port
        self.domain = domain
        home = directory / name
        home.mkdir()
        # A Unix socket's path may have 107 bytes (unix(7)); a test's directory may be longer.
        self._short = Path(tempfile.mkdtemp(prefix="evertone-"))
        self._rpc = self._short / "rpc"
        config = home / "kamailio.cfg"
        config.write_text(
            _CONFIG.format(
                name=name,
                place=place(address, port),
                domain=domain,
                algorithm=algorithm,
                nonce_expires_s=nonce_expires_s,
                min_expires_s=min_expires_s,
                rpc=self._rpc,
                who_is_challenged="" if challenge_calls else 'if (is_method("REGISTER")) ',
                from_peer=_FROM_PEER.format(peer=share_with) if share_with else "",
                to_peer=_TO_PEER.format(peer=share_with, port=port) if share_with else "",
                passwords="\n".join(
                    f'        case "{user}": $var(password) = "{password}"; break;'
                    for user, password in passwords.items()
                ),
            )
        )
        command: list[str | Path] = [tools.program("kamailio"), "-f", config, "-DD", "-E", "-S"]
        command += ["-m", "32", "-M", "8", "-Y", self._short, "-w", home]
        super().__init__(name, command, home)

    def start(self) -> None:
        """Start it, its location table empty; after a stop or kill too."""
        self._short.mkdir(mode=0o700, exist_ok=True)
        super().start()

    def ready(self) -> None:
        """Return when it answers OPTIONS."""
        self.await_ready(lambda: is_alive(self.address, self.port))

    def stop(self) -> None:
        """End it, its bindings forgotten."""
        super().stop()
        shutil.rmtree(self._short, ignore_errors=True)

    def bindings(self) -> dict[str, list[str]]:
        """User -> contact URIs, as its location table has them now."""
        found: dict[str, list[str]] = {}
        for domain in self._call("ul.dump").get("Domains", []):
            for entry in domain["Domain"]["AoRs"]:
                contacts = [contact["Contact"]["Address"] for contact in entry["Info"]["Contacts"]]
                found[entry["Info"]["AoR"]] = contacts
        return found

    def _call(self, method: str) -> dict[str, Any]:
        """One JSON-RPC call to the running process."""
        reply_to = self._short / "reply"
        request = {"jsonrpc": "2.0", "method": method, "id": 1}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5.0)
            sock.bind(str(reply_to))
            try:
                sock.sendto(json.dumps(request).encode(), str(self._rpc))
                answer: dict[str, Any] = json.loads(sock.recv(1 << 20))
            finally:
                reply_to.unlink()
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result
