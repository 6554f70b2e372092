"""Run inside a network namespace: change the network, print what the watch says about it."""

from __future__ import annotations

import asyncio
import json
import sys

from evertone.io import watch
from tests.io.namespace import ip

SERVER, NET = "203.0.113.5", "203.0.113.0/24"
HOME, AWAY = "198.51.100.1", "198.51.100.9"


async def moves(told: dict[str, str | None]) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    watching = watch.NetworkWatch(lambda: [(SERVER, 5060)], said.put_nowait)

    async def after(name: str, *commands: str) -> None:
        for command in commands:
            ip(*command.split())
        try:
            async with asyncio.timeout(1.0):
                told[name] = await said.get()
        except TimeoutError:
            told[name] = None

    await after(
        "another address",
        f"address add {AWAY}/24 dev lo",
        f"route replace {NET} dev lo src {AWAY}",
    )
    await after("noise", "address add 192.0.2.200/32 dev lo", "route add 10.0.0.0/8 dev lo")
    await after("lost", f"route delete {NET}")
    await after("back", f"route add {NET} dev lo src {AWAY}")
    watching.close()


def main(netlink: bool) -> None:
    watch.QUIET_S = 0.1
    watch.LOOK_S = 60.0 if netlink else 0.1
    if not netlink:
        watch._netlink = lambda: None
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{HOME}/24", "dev", "lo")
    ip("route", "add", NET, "dev", "lo", "src", HOME)
    told: dict[str, str | None] = {}
    asyncio.run(moves(told))
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1] == "1")
