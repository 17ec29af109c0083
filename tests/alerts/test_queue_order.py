"""Which of the notices that wait are still worth sending: a table of queues."""

from __future__ import annotations

import pytest

from alerts.notice import Kind, Withheld
from alerts.queue_order import Waiting, order_of

KINDS = {"F": Kind.FIRING, "R": Kind.RESOLVED, "A": Kind.ACKNOWLEDGED, "T": Kind.TEST, "C": Kind.CHANGE}


@pytest.mark.parametrize(
    ("queue", "told", "send", "superseded", "untrue"),
    [
        pytest.param("F", False, [1], [], [], id="a first notice"),
        pytest.param("F F F", False, [3], [1, 2], [], id="of several the newest"),
        pytest.param("F F", True, [2], [1], [], id="of several updates the newest"),
        pytest.param("R", True, [1], [], [], id="a resolve that is owed"),
        pytest.param("R", False, [], [], [1], id="a resolve of what nobody was told"),
        pytest.param("F R", False, [], [], [1, 2], id="over before anybody was told"),
        pytest.param("F F R", False, [], [1], [2, 3], id="several, over before anybody was told"),
        pytest.param("F R", True, [2], [1], [], id="told before: the resolve stands for the update"),
        pytest.param("F? R", False, [2], [1], [], id="perhaps told: the resolve is owed"),
        pytest.param("F? F R", False, [3], [1, 2], [], id="perhaps told, then news, then over"),
        pytest.param("R? ", False, [1], [], [], id="a resolve that may have been taken is sent again"),
        pytest.param("F R F", False, [3], [], [1, 2], id="a new firing after one that nobody was told"),
        pytest.param("R F", True, [1, 2], [], [], id="the owed resolve comes before the new firing"),
        pytest.param("F R F R", True, [2], [1], [3, 4], id="the second time is over before anybody was told of it"),
        pytest.param("F! R", False, [1, 2], [], [], id="what is being sent holds its resolve"),
        pytest.param("F! F", False, [1, 2], [], [], id="what is being sent is not superseded"),
        pytest.param("F A", False, [1, 2], [], [], id="an acknowledgement after its notice"),
        pytest.param("A", False, [], [], [1], id="an acknowledgement of what nobody was told"),
        pytest.param("A A", True, [2], [1], [], id="of several acknowledgements the newest"),
        pytest.param("A F", True, [1, 2], [], [], id="news after an acknowledgement"),
        pytest.param("A R", True, [2], [1], [], id="over: nobody needs the acknowledgement"),
        pytest.param("T", False, [1], [], [], id="a test"),
        pytest.param("C C", False, [1, 2], [], [], id="each change"),
    ],
)
def test_what_is_sent(queue: str, told: bool, send: list[int], superseded: list[int], untrue: list[int]) -> None:
    """`F` fires, `R` resolved; `?` may have been taken, `!` is being sent."""
    waiting = [Waiting(number, KINDS[word[0]], "?" in word, "!" in word) for number, word in enumerate(queue.split(), 1)]
    order = order_of(waiting, told)
    assert list(order.send) == send
    assert sorted(row for row, reason in order.drop if reason is Withheld.SUPERSEDED) == superseded
    assert sorted(row for row, reason in order.drop if reason is Withheld.NO_LONGER_TRUE) == untrue
    assert len(order.send) + len(order.drop) == len(waiting)


def test_the_newest_says_why_the_oldest_untold_one_was_made() -> None:
    queue = [Waiting(number, Kind.FIRING) for number in (1, 2, 3)]
    assert order_of(queue, told=False).first_of == ((3, 1),)
    assert order_of(queue, told=True).first_of == ()
