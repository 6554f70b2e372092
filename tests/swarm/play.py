"""A plan becomes a world: servers, the phone, somebody to call; then it runs its course."""

from __future__ import annotations

from functools import partial

from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.errors import LimitError
from evertone.flows import Nameserver
from evertone.lab.checkers import home_bound_s
from evertone.lab.name_server import NameServer
from evertone.lab.registrations import Binding, RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from evertone.sip.values import parse_uri
from tests.swarm.plan import CALLEE, DNS, MAX_FAULT_S, PHONE, TROUBLE_S, USERS, Action, Plan
from tests.swarm.sites import DOMAINS, Place, zone_text

__all__ = ["CALLEE_ADDRESS", "PHONE_ADDRESS", "REALM", "Play"]

PHONE_ADDRESS, CALLEE_ADDRESS, DNS_ADDRESS = "10.0.9.1", "10.0.9.2", "10.0.9.53"
REALM = "pbx.example"
BOB = "bob"
STRAGGLERS_S = 330.0  # A8, and the rounding of timers
STOP_S = 400.0
CALM_S = 120
MAX_CALLS = 3
RETRY_AFTER_S = 20.0
CALLEE_INSTANCE = "urn:uuid:00000000-0000-4000-8000-00000000000b"
PHONE_INSTANCE = "urn:uuid:00000000-0000-4000-8000-00000000000a"


class Play:
    """One world. ``dialled`` are our calls with the time they were placed and their line."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.world = World(plan.seed)
        self.stores: dict[str, RegistrationStore] = {}
        self.servers: dict[str, SipServer] = {}
        self.name_server = NameServer(self._zones({}))
        self.dialled: dict[str, tuple[float, int]] = {}
        self.hung_up: dict[str, float] = {}
        self.last_call = ""
        self._ranks: dict[str, Place] = {}
        for place in plan.servers:
            self._build_servers(place)
        for place in plan.proxies:
            self._build_proxies(place)
        self.world.attach_name_server(DNS, self.name_server, DNS_ADDRESS)
        self._welcome_callee()
        self.phone = self._phone(PHONE, PHONE_ADDRESS, plan.settings, PHONE_INSTANCE)
        self.callee = self._phone(CALLEE, CALLEE_ADDRESS, self._callee_settings(), CALLEE_INSTANCE)
        for fault in plan.faults:
            self.world.inject(fault)
        for action in plan.actions:
            self.world.at(action.at_s, partial(self._act, action))

    # --- building -----------------------------------------------------------------------------

    def _build_servers(self, place: Place) -> None:
        users = {u: f"pw {u}" for u in (*USERS, BOB)} if self.plan.digest else {}
        for machine in place.machines:
            shared = self.plan.stores[machine.name]
            server = SipServer(
                machine.name,
                machine.ends(),
                (REALM, place.address, machine.address),
                users,
                self.stores.setdefault(shared, RegistrationStore()),
                self.world.rng_for(machine.name),
            )
            self._attach(place, machine.name, machine.address, server)

    def _build_proxies(self, place: Place) -> None:
        routes = {
            p.address: Target(p.machines[0].address, 5060, Transport.UDP) for p in self.plan.servers
        }
        for machine in place.machines:
            server = SipServer(
                machine.name,
                machine.ends(),
                (place.address, machine.address),
                {},
                RegistrationStore(),
                self.world.rng_for(machine.name),
                routes=routes,
            )
            self._attach(place, machine.name, machine.address, server)

    def _attach(self, place: Place, name: str, address: str, server: SipServer) -> None:
        self.servers[name] = server
        self.world.attach(
            name,
            server,
            [address],
            listen=server.listen,
            certificate=(place.address, address, f"{name}.{DOMAINS[place.group]}"),
        )

    def _phone(self, name: str, address: str, settings: PhoneSettings, instance: str) -> Phone:
        phone = Phone(
            settings,
            instance,
            self.world.rng_for(name),
            (Nameserver(DNS_ADDRESS),),
            auto_answer=True,
            draw=self.plan.draw(),
        )
        self.world.attach(name, phone, [address], listen=[Target(address, 5060, Transport.UDP)])
        return phone

    def _callee_settings(self) -> PhoneSettings:
        """The callee calls through one server, whatever befalls that; see also its bindings."""
        machine = next(
            m for p in self.plan.servers for m in p.machines if m.name == self.plan.callee_at
        )
        line = LineSettings(
            enable=1,
            user_name=BOB,
            password=f"pw {BOB}",
            sip_server=(ServerSettings(address=machine.address, expires=3600), ServerSettings()),
        )
        return PhoneSettings(lines=(line,))

    def _welcome_callee(self) -> None:
        """Every server knows where the callee is, whatever it forgets: the worlds are about us."""
        contact = f"sip:{BOB}@{CALLEE_ADDRESS}:5060"
        for store in self.stores.values():
            store.put(
                Binding(
                    aor=f"{BOB}@{REALM}",
                    contact=parse_uri(contact),
                    text=f"<{contact}>",
                    instance=f"<{CALLEE_INSTANCE}>",
                    reg_id="9",
                    call_id="static",
                    cseq=1,
                    server="nobody",
                    flow=0,
                    registered_at=0.0,
                    expires_at=1e9,
                ),
                0.0,
            )

    def _zones(self, ranks: dict[str, Place]) -> dict[str, str]:
        return {
            DOMAINS[group]: zone_text(ranks.get(group.name, place))
            for group, place in self.plan.places.items()
        }

    # --- what users do ------------------------------------------------------------------------

    def _act(self, action: Action) -> None:
        if action.verb == "call":
            self.call(action.line, action.lasts_s)
        elif action.verb == "invite":
            self._invited(action)
        elif action.verb == "network":
            self.world.do(PHONE, self.phone.network_changed)
        elif action.verb == "rezone":
            self._rezone(action)

    def call(self, line: int, lasts_s: float) -> None:
        """We call, and hang up after ``lasts_s``."""
        if len(self.phone.snapshot(self.world.now).calls) >= MAX_CALLS:
            return
        call = self.world.do(PHONE, lambda now: self.phone.call(line, BOB, now))
        self.last_call = call
        self.dialled[call] = (self.world.now, line)
        self.world.at(self.world.now + lasts_s, lambda: self._hang_up(PHONE, call))

    def _invited(self, action: Action) -> None:
        try:
            user = USERS[action.line - 1]
            call = self.world.do(CALLEE, lambda now: self.callee.call(1, user, now))
        except LimitError:
            return
        self.world.at(self.world.now + action.lasts_s, lambda: self._hang_up(CALLEE, call))

    def _hang_up(self, name: str, call: str) -> None:
        phone = self.phone if name == PHONE else self.callee
        if any(c.call == call for c in phone.snapshot(self.world.now).calls):
            self.world.do(name, lambda now: phone.hangup(call, now))
            if name == PHONE:
                self.hung_up[call] = self.world.now

    def _rezone(self, action: Action) -> None:
        place = self.plan.places[action.group]
        machines = place.machines
        self._ranks[action.group.name] = type(place)(
            place.group,
            place.shape,
            place.transport_type,
            place.transports,
            place.base,
            machines,
            place.ttl_s,
            action.order,
        )
        self.name_server.load(self._zones(self._ranks))

    def hang_up_all(self) -> None:
        """Both phones hang up whatever there is."""
        for name, phone in ((PHONE, self.phone), (CALLEE, self.callee)):
            for call in phone.snapshot(self.world.now).calls:
                self._hang_up(name, call.call)

    # --- the course -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Both phones start; faults strike; all ends at ``TROUBLE_S``."""
        self.world.do(CALLEE, self.callee.start)
        self.world.do(PHONE, self.phone.start)
        self.world.run_until(TROUBLE_S)
        self.world.run_for(0.5)
        self.hang_up_all()

    def home_wait_s(self, line: LineSettings) -> float:
        """How long ``line`` may take to come home now."""
        plan = self.plan
        ttl_s = float(max(place.ttl_s for place in plan.places.values()))
        granted_s = float(line.server(1).expires)
        wait_s = home_bound_s(line, granted_s, ttl_s, plan.settings.timers)
        if any(fault.retry_after_s for fault in plan.faults):
            wait_s += RETRY_AFTER_S
        rezoned = any(action.verb == "rezone" for action in plan.actions)
        halved = any(fault.subject == DNS for fault in plan.faults)
        if rezoned or halved or plan.settings.dns.static_a:
            # B8: a new primary, or that static records had another one, or that DNS had told but
            # half of a list, is heard of with the first request after the old records' TTL
            wait_s += granted_s + ttl_s
        return wait_s

    def go_home(self) -> None:
        """Give every line the time that its settings ask for."""
        waits = [self.home_wait_s(line) for line in self.plan.settings.lines]
        self.world.run_for(max(waits))

    def come_to_rest(self) -> None:
        """Let every straggler go, and what was bound in trouble run out."""
        expires_s = max(line.server(1).expires for line in self.plan.settings.lines)
        self.world.run_for(STRAGGLERS_S + expires_s + MAX_FAULT_S)
        for _ in range(CALM_S):
            if self._is_calm():
                return
            self.world.run_for(1.0)

    def _is_calm(self) -> bool:
        """No transaction, no attempt, no flow about to close: not in the midst of a refresh."""
        view = self.phone.snapshot(self.world.now)
        lingers = any(timer.startswith("linger") for timer, _ in view.timers)
        return not (view.transactions or view.lingering or view.attempts or lingers)

    def stop(self) -> None:
        """A clean stop."""
        self.world.do(PHONE, self.phone.stop)
        self.world.run_for(STOP_S)
