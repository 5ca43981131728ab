from curricle_guest.testing import pack

from plugin import {{Name}}


def test_a_sample_goes_into_the_first_open_row_that_has_room():
    assert pack({{Name}}, [5, 8, 3, 9, 2], 10, config={"open": 2}) == [[5, 3], [8, 2], [9]]
    assert pack({{Name}}, [1, 1, 1], 10, max_samples=2, config={"open": 2}) == [[1, 1], [1]]
