from curricle_guest.testing import Run

from plugin import {{Name}}

RUN = Run(samples=100, config={"share": 0.25, "after": 2})


def test_what_was_new_comes_again_two_steps_later():
    run = RUN.start({{Name}})
    batches = [run.step(8).ids for _ in range(4)]
    assert batches[2][:2] == batches[0][:2]
    assert batches[3][:2] == batches[1][:2]


def test_a_saved_and_restored_policy_goes_on_as_if_nothing_had_been():
    whole = RUN.start({{Name}})
    whole.step(8)
    resumed = RUN.resume({{Name}}, whole.state())
    for _ in range(5):
        assert resumed.step(8) == whole.step(8)
