from curricle_guest.testing import Run

from plugin import {{Name}}


def test_short_samples_come_first_and_then_all():
    run = Run(samples=100, columns={"seqlen": range(100)}, config={"at-most": 9, "steps": 2}).start({{Name}})
    for _ in range(2):
        assert max(run.step(8).ids) <= 9
    assert run.step(8).draws == [("all", 8)]
