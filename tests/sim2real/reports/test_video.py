"""Films and pictures: complete or not there."""

import os
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from envs import make_task
from policies import EncoderConfig, Policy
from sim2real.reports.films.rollouts import contact_sheet, film
from sim2real.reports.films.video import enlarge, grid, label, write_image, write_video
from sim2real.reports.plots.charts import new_figure, write_plot
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config


def coloured(count: int, height: int = 48, width: int = 64) -> Iterator[np.ndarray]:
    """Frames that grow redder on the left and bluer on the right."""
    for i in range(count):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[:, : width // 2, 0] = frame[:, width // 2 :, 2] = 20 + 20 * i
        yield frame


def read(path: Path) -> tuple[list[np.ndarray], float]:
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], float(rate or 0)


def read_image(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "deep/down/film.mov"])
def test_every_frame_is_in_the_film(tmp_path: Path, name: str):
    assert write_video(tmp_path / name, coloured(10), fps=20) == 10
    frames, rate = read(tmp_path / name)
    assert len(frames) == 10 and rate == 20
    for i, (frame, wanted) in enumerate(zip(frames, coloured(10), strict=True)):
        assert frame.shape == (48, 64, 3)
        for half in (slice(4, 28), slice(36, 60)):  # the colour is coarser than the picture: not at the edge
            np.testing.assert_allclose(
                frame[:, half].mean((0, 1)), wanted[:, half].mean((0, 1)), atol=8, err_msg=str(i)
            )
    assert [p.name for p in (tmp_path / name).parent.iterdir()] == [Path(name).name]


def test_odd_sizes_lose_a_row_and_a_column_at_most(tmp_path: Path):
    write_video(tmp_path / "film.mp4", coloured(2, 49, 65), fps=12.5)
    frames, rate = read(tmp_path / "film.mp4")
    assert frames[0].shape == (48, 64, 3) and rate == 12.5


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_film_leaves_what_was_there(tmp_path: Path, error: type[BaseException]):
    def broken() -> Iterator[np.ndarray]:
        yield from coloured(5)
        raise error

    with pytest.raises(error):
        write_video(tmp_path / "film.mp4", broken(), 20)
    assert not list(tmp_path.iterdir())
    write_video(tmp_path / "film.mp4", coloured(3), 20)
    with pytest.raises(error):
        write_video(tmp_path / "film.mp4", broken(), 20)
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"] and len(read(tmp_path / "film.mp4")[0]) == 3


def test_what_cannot_be_filmed_or_drawn_is_said(tmp_path: Path):
    with pytest.raises(ValueError, match=r"the name must end in \.mp4, \.mkv or \.mov"):
        write_video(tmp_path / "film.gif", coloured(1), 20)
    with pytest.raises(ValueError, match="there are no frames"):
        write_video(tmp_path / "film.mp4", [], 20)
    with pytest.raises(ValueError, match=r"the name must end in \.png or \.jpg"):
        write_image(tmp_path / "sheet.bmp", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError):
        write_video(tmp_path / "file" / "film.mp4", coloured(1), 20)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_picture_comes_back_as_it_was(tmp_path: Path):
    image = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    write_image(tmp_path / "deep" / "picture.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "picture.png")[..., ::-1], image)


def test_a_full_disk_leaves_the_old_picture_plot_and_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write = {
        "picture.png": lambda path: write_image(path, np.zeros((4, 4, 3), np.uint8)),
        "plot.png": lambda path: write_plot(path, new_figure()[0]),
        "film.mp4": lambda path: write_video(path, coloured(2), 20),
    }
    for name in write:
        write[name](tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in write:
        with pytest.raises(OSError, match="No space left") as caught:
            write[name](tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before and len(before) == 3


def test_a_grid_goes_row_by_row_and_is_white_where_nothing_is():
    images = [np.full((3, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = grid(images, columns=2, gap=1)
    assert sheet.shape == (7, 9, 3)
    assert (sheet[:3, :4] == 10).all() and (sheet[:3, 5:] == 20).all() and (sheet[4:, :4] == 30).all()
    assert (sheet[3] == 255).all() and (sheet[:, 4] == 255).all() and (sheet[4:, 5:] == 255).all()


def test_enlarging_keeps_every_pixel_square_and_a_label_leaves_the_image_alone():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(enlarge(image, 3)[1::3, 1::3], image)
    big = np.full((30, 90, 3), 128, np.uint8)
    written = label(big, "text")
    assert (big == 128).all() and (written == 255).any() and (written == 0).any() and (written[25:] == 128).all()


def test_a_policy_is_filmed_from_outside_with_its_own_view(short_lane: str, tmp_path: Path):
    policy = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=8)))
    assert film(policy, tmp_path / "film.mp4", worlds=2, seconds=0.2) == 4
    frames, rate = read(tmp_path / "film.mp4")
    assert len(frames) == 4 and rate == 20
    height, width = frames[0].shape[:2]
    assert width > 2 * 200 and height > 100  # two worlds side by side
    left, right = frames[-1][:, : width // 2].astype(int), frames[-1][:, -(width // 2) :].astype(int)
    assert np.abs(left - right).mean() > 3 and left.std() > 10
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 0.5  # it moves


@pytest.mark.slow
def test_a_contact_sheet_shows_nominal_randomized_and_real_frames(short_lane: str, tmp_path: Path):
    contact_sheet(short_lane, tmp_path / "sheet.png")
    alone = read_image(tmp_path / "sheet.png")
    (tmp_path / "real").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / "real" / f"{i}.jpg"), np.full((120, 160, 3), (0, 0, 200), np.uint8))
    contact_sheet(short_lane, tmp_path / "beside.png", tmp_path / "real", "wide")
    beside = read_image(tmp_path / "beside.png")
    assert beside.shape[0] > alone.shape[0] and beside.shape[1] == alone.shape[1]
    np.testing.assert_array_equal(beside[:200], alone[:200])  # the nominal ones are the same
    np.testing.assert_allclose(beside[-50:, -50:].mean((0, 1)), (0, 0, 200), atol=4)
    with pytest.raises(ValueError, match=r"no \.jpg or \.png picture in .*nowhere"):
        contact_sheet(short_lane, tmp_path / "sheet.png", tmp_path / "nowhere")


def test_the_encoder_of_a_policy_fits_its_picture(short_lane: str):
    spec = make_task(short_lane).spec
    assert policy_config(spec, PretrainConfig(short_lane, image_size=(64, 32))).encoder == EncoderConfig(size=(32, 64))
    for size in ((50, 50), (0, 0), (12, 12), (-16, 16)):
        with pytest.raises(ValueError, match=f"image size {size[0]}x{size[1]}: .* multiples of 4, and at least 16"):
            policy_config(spec, PretrainConfig(short_lane, image_size=size))
