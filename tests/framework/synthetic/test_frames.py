import numpy as np
import pytest

from cs_framework.synthetic import render_embryo
from cs_framework.synthetic.anatomy import Embryo
from cs_framework.synthetic.filaments import decoys, strings
from cs_framework.synthetic.frames import BOX_MARGIN
from cs_framework.synthetic.strings import SEEN, draw_string
from tests.framework.synthetic.measure import contrast

SIZE = 128


@pytest.fixture(scope="module")
def course():
    return list(render_embryo(7, 0, 10, SIZE))


def test_a_course_is_the_same_every_time(course):
    for again, frame in zip(render_embryo(7, 0, 10, SIZE), course, strict=True):
        assert np.array_equal(again.image, frame.image)
        assert np.array_equal(again.boxes, frame.boxes)


def test_other_seeds_and_embryos_look_different(course):
    for seed, embryo in ((8, 0), (7, 1)):
        other = next(render_embryo(seed, embryo, 10, SIZE))
        assert np.abs(other.image.astype(int) - course[0].image).mean() > 2


def test_frames_are_grey_and_neighbours_resemble_each_other(course):
    images = [frame.image.astype(float) for frame in course]
    assert all(frame.image.shape == (SIZE, SIZE) and frame.image.dtype == np.uint8 for frame in course)
    near = np.corrcoef(images[4].ravel(), images[5].ravel())[0, 1]
    far = np.corrcoef(images[0].ravel(), images[9].ravel())[0, 1]
    assert near > far
    assert near > 0.7


@pytest.mark.parametrize("frames", [4, 5, 9, 10, 40])
@pytest.mark.parametrize("seed", range(5))
def test_strings_come_and_go_in_runs(frames, seed):
    rng = np.random.default_rng(seed)
    found = strings(rng, Embryo.draw(rng), frames)
    seen = np.array([any(string.seen(frame) for string in found) for frame in range(frames)])
    starts = np.flatnonzero(seen & ~np.roll(seen, 1))  # on a ring, as the course is turned at random
    assert len(starts) == (1 if frames < 10 else 2 if frames < 40 else 3)
    assert seen.sum() == max(round(0.4 * frames), len(starts))


def test_strings_are_as_frequent_at_any_time():
    seen = np.zeros(10)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = strings(rng, Embryo.draw(rng), 10)
        seen += [any(string.seen(frame) for string in found) for frame in range(10)]
    assert (abs(seen / 200 - 0.4) < 0.12).all()


def test_every_fifth_embryo_has_no_string():
    assert not any(len(frame.boxes) for frame in render_embryo(7, 3, 10, 96))
    assert any(len(frame.boxes) for frame in render_embryo(7, 4, 10, 96))


def test_boxes_lie_in_the_frame_around_the_mask():
    margin = round(BOX_MARGIN * SIZE)
    single = 0
    for embryo in (0, 1, 2, 4):
        for frame in render_embryo(7, embryo, 10, SIZE):
            covered = np.zeros_like(frame.mask)
            for x1, y1, x2, y2 in frame.boxes.astype(int):
                assert 0 <= x1 < x2 <= SIZE
                assert 0 <= y1 < y2 <= SIZE
                covered[y1:y2, x1:x2] = True
            assert not (frame.mask & ~covered).any()
            assert frame.mask.any() == bool(len(frame.boxes))
            if len(frame.boxes) == 1:
                single += 1
                rows, columns = frame.mask.nonzero()
                bounds = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                assert np.array_equal(
                    frame.boxes[0], np.clip(bounds + margin * np.array([-1, -1, 1, 1]), 0, SIZE)
                )
    assert single > 8


@pytest.fixture(scope="module")
def bodies():
    """Embryos with their strings and decoys over 20 frames."""
    found = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        body = Embryo.draw(rng)
        found.append((body, strings(rng, body, 20), decoys(rng, 20)))
    return found


def test_strings_are_anchored_at_both_ends(bodies):
    for body, found, _ in bodies:
        for line in found:
            for frame in (line.first, line.last - 1):
                pose = body.pose(frame / 19)
                assert not pose.in_cavity(line.shape(pose, frame / 19)[[0, -1]]).any()
                assert line.strength[[0, -1]].min() > 0.05  # out of focus there, but not gone


def test_decoys_fade_before_they_reach_a_second_anchor(bodies):
    for _, _, lookalikes in bodies:
        for line in lookalikes:
            assert line.strength[[0, -1]].min() < 0.15


def test_strings_run_through_the_cavity(bodies):
    shares = []
    for body, found, _ in bodies:
        for line in found:
            pose = body.pose(line.first / 19)
            shares.append(pose.in_cavity(line.shape(pose, line.first / 19)).mean())
    assert np.mean(np.array(shares) > 0.6) > 0.95


def test_strings_lie_where_people_mark_them(bodies):
    """Of real boxes, 95 in 100 have their middle within 0.56 radii of the centre and corners within 0.83."""
    nearness, farthest = [], []
    for body, found, _ in bodies:
        for line in found:
            pose = body.pose(line.first / 19)
            low, high = _seen(line, pose).min(axis=0), _seen(line, pose).max(axis=0)
            nearness.append(np.hypot(*((low + high) / 2 - pose.centre)) / pose.radius)
            farthest.append(
                np.hypot(*np.maximum(abs(low - pose.centre), abs(high - pose.centre))) / pose.radius
            )
    assert 0.25 < np.median(nearness) < 0.5
    assert np.quantile(nearness, 0.95) < 0.62
    assert np.quantile(farthest, 0.95) < 0.9


def _seen(line, pose):
    """The points of a string that can be seen when it appears."""
    return line.shape(pose, line.first / 19)[line.strength >= SEEN]


def test_strings_move_slowly(bodies):
    for body, found, _ in bodies:
        for line in found:
            if line.last - line.first > 1:
                steps = [
                    line.shape(body.pose(frame / 19), frame / 19) for frame in (line.first, line.first + 1)
                ]
                assert np.abs(steps[1] - steps[0]).max() < 0.06


def test_strings_are_thin_faint_and_as_long_as_measured_ones(bodies):
    lines = [(body, line) for body, found, _ in bodies for line in found]
    sigma = [line.style(body, 1).sigma for body, line in lines]
    assert np.min(sigma) * 2.355 > 2
    assert np.max(sigma) * 2.355 < 5.1  # the crest in real boxes has 3.5 to 5 px at half maximum
    contrasts = [line.style(body, 1).contrast for body, line in lines]
    assert 18 < np.median(contrasts) < 28
    lengths = []
    for body, line in lines:
        curve = _seen(line, body.pose(line.first / 19))
        lengths.append(np.hypot(*np.diff(curve, axis=0).T).sum())
    assert 0.1 < np.median(lengths) < 0.35
    assert max(lengths) < 0.5


def test_drawn_contrast_is_as_faint_as_that_of_real_strings():
    """Real strings stand out from what is beside them by 14 to 29 grey levels where little else is."""
    rng = np.random.default_rng(0)
    found = []
    for embryo in (0, 1, 2):
        body = Embryo.draw(np.random.default_rng((7, embryo, 0)))
        lines = strings(np.random.default_rng((7, embryo, 2)), body, 10)
        for number, frame in enumerate(render_embryo(7, embryo, 10, 320)):
            for line in lines:
                if line.seen(number):
                    curve = line.shape(body.pose(number / 9), number / 9)[line.strength >= SEEN] * 320 - 0.5
                    found.append(contrast(frame.image, curve[:, ::-1], line.polarity))
    assert 12 < np.median(found) < 26
    canvas = rng.normal(100, 1, (64, 64)).astype(np.float32)
    curve = [(4, 32), (60, 32)]
    drawn = draw_string(canvas, curve, lines[0].style(body, 1)).image
    measured = contrast(drawn, np.array([(32, x) for x in range(8, 56)]) - 0.5, lines[0].polarity)
    assert 0.7 < measured / lines[0].style(body, 1).contrast < 1
