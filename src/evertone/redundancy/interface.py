"""What goes into and comes out of the redundancy engine of a line.

The engine knows neither SIP messages nor DNS records: hops and outcomes come in, decisions
go out. One engine per line; ``TargetMarks`` is shared by all lines of a phone.
"""

from __future__ import annotations

from typing import TypeAlias

from evertone.fixed import fixed
from evertone.flows import Announce
from evertone.model import Attempt, Group, Hop, Outcome, Target

__all__ = [
    "Abandon",
    "Announce",
    "CallsChanged",
    "Completed",
    "EngineInput",
    "EngineOutput",
    "Extend",
    "Finished",
    "FlowLost",
    "Late",
    "Locate",
    "LocateFailed",
    "Located",
    "NetworkChanged",
    "RequestCancelled",
    "RequestWanted",
    "Resubscribe",
    "Send",
    "Silent",
    "Started",
    "Stopped",
]

# --- in ---------------------------------------------------------------------------------------


@fixed
class Started:
    """The phone starts: register after ``wait_s`` (R7)."""

    wait_s: float = 0.0


@fixed
class Stopped:
    """A clean stop: give up everything, remove our bindings (R5)."""


@fixed
class Located:
    """The answer to :class:`Locate`: at least one hop, in order (D). ``spare`` hops are tried
    after all of ``hops`` have failed the request, by this request only (D13)."""

    group: Group
    registrar: int
    hops: tuple[Hop, ...]
    spare: tuple[Hop, ...] = ()


@fixed
class LocateFailed:
    """The answer to :class:`Locate` when the name leads nowhere (D14)."""

    group: Group
    registrar: int
    text: str


@fixed
class Silent:
    """S1's time of the attempt is up without an answer (S3): the engine answers in the same
    turn with :class:`Extend` (wait until 64*T1) or :class:`Abandon` (and moves on)."""

    attempt: int


@fixed
class Finished:
    """An attempt ended. ``expires_s`` is what a 2xx to REGISTER granted (R4)."""

    attempt: int
    outcome: Outcome
    expires_s: int = 0


@fixed
class Late:
    """A 2xx to a REGISTER that had been given up (A11). ``expires_s``: what is left of its
    grant for sure, counted from the REGISTER; 0: perhaps nothing."""

    attempt: Attempt
    expires_s: int


@fixed
class RequestWanted:
    """The phone wants to send a request other than REGISTER.

    ``someone_waits``: a person waits for it (F3, D16). ``registrar``: it goes to this server
    alone; 0: to whichever serves (C1). ``at``: the request is in-dialog and this is its next
    hop (C2): the walk starts there. Ends with exactly one :class:`Completed`, unless cancelled.
    """

    request: int
    method: str
    someone_waits: bool = True
    at: Target | None = None
    registrar: int = 0


@fixed
class RequestCancelled:
    """The user hung up: no failover, no Completed (A13)."""

    request: int


@fixed
class CallsChanged:
    """``idle``: the *phone* has no call in any state (B5). ``registrars``: the servers that
    calls of this *line* hang on (F4)."""

    idle: bool
    registrars: frozenset[int] = frozenset()


@fixed
class FlowLost:
    """A flow to ``target`` closed by itself (R9)."""

    target: Target


@fixed
class NetworkChanged:
    """A network change or a resume: everything anew (R8)."""


EngineInput: TypeAlias = (
    Started
    | Stopped
    | Located
    | LocateFailed
    | Silent
    | Finished
    | Late
    | RequestWanted
    | RequestCancelled
    | CallsChanged
    | FlowLost
    | NetworkChanged
)

# --- out --------------------------------------------------------------------------------------


@fixed
class Locate:
    """Resolve the address of ``group`` on the way to ``registrar``; one answer follows."""

    group: Group
    registrar: int
    someone_waits: bool = False


@fixed
class Send:
    """Make this attempt: build the request for its registrar, send it to its hop. REGISTER
    attempts with ``expires_s == 0`` remove the binding made through that very hop (B6)."""

    attempt: Attempt


@fixed
class Extend:
    """Let the attempt go on until 64*T1, resends included (S3)."""

    attempt: int


@fixed
class Abandon:
    """Stop resending; keep the transaction for stragglers (A8, A11). No Finished follows."""

    attempt: int


@fixed
class Completed:
    """A wanted request is over: ``outcome`` is its result, ``attempt`` who brought it (None
    where no target could be tried)."""

    request: int
    outcome: Outcome
    attempt: Attempt | None


@fixed
class Resubscribe:
    """Make every subscription of the line anew at ``registrar`` (B11, F7)."""

    registrar: int
    hop: Hop


EngineOutput: TypeAlias = Locate | Send | Extend | Abandon | Completed | Resubscribe | Announce
