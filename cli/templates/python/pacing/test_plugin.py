from curricle_guest.testing import difficulties

from plugin import {{Name}}


def test_it_goes_straight_from_one_end_to_the_other():
    config = {"from": 8, "to": 64, "steps": 100}
    assert difficulties({{Name}}, [0, 50, 100, 1000], config) == [8, 36, 64, 64]
