"""The guide's four scenarios in simulated time, and the judge that would notice if they failed."""

from __future__ import annotations

import dataclasses

import pytest

from evertone.config.settings import LineSettings
from evertone.lab.demo import STORIES, Story, tell
from evertone.lab.stage import play
from evertone.lab.world import World


@pytest.mark.rule("S1", "A1", "F1", "F2", "F4", "B1", "R1", "R2", "C1")
@pytest.mark.parametrize("story", STORIES, ids=lambda s: s.key)
def test_the_phone_does_what_the_guide_says(story: Story) -> None:
    world = World(1)
    verdict = play(world, tell(story, world))
    assert verdict.held


@pytest.mark.parametrize("story", STORIES, ids=lambda s: s.key)
def test_the_judge_sees_other_retry_counts(story: Story) -> None:
    def impatient(told: Story, user: str) -> LineSettings:
        line = story.line(told, user)
        first, second = (
            dataclasses.replace(s, retry_counts=1, invite_retry_counts=1) for s in line.sip_server
        )
        return dataclasses.replace(line, sip_server=(first, second))

    world = World(1)
    verdict = play(world, tell(dataclasses.replace(story, line=impatient), world))
    assert not verdict.claims[0].held
    assert not verdict.held
