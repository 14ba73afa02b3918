"""What Typst's PDF lacks: it writes every figure in full colour, and every tag by itself."""

import io
import zlib
from pathlib import Path

import pikepdf
from PIL import Image


def _palettes(folder: Path) -> dict[bytes, Image.Image]:
    """The images in `folder` that have a palette, by what Typst makes of them."""
    images = map(Image.open, folder.glob("*.png"))
    return {
        image.convert("RGB").tobytes(): image for image in images if image.mode == "P"
    }


def pack(pdf: bytes, figures: Path, target: Path) -> None:
    """Write `pdf` to `target`: the images of the folder `figures` with their palettes, tags packed."""
    known = _palettes(figures)
    with pikepdf.open(io.BytesIO(pdf)) as book:
        for item in book.objects:
            if not isinstance(item, pikepdf.Stream) or item.get("/Subtype") != "/Image":
                continue
            image = known.get(item.read_bytes())
            if image is None:
                continue
            palette = bytes(image.getpalette())
            item.ColorSpace = pikepdf.Array(
                [
                    pikepdf.Name.Indexed, item.ColorSpace, len(palette) // 3 - 1,
                    pikepdf.String(palette),
                ]
            )  # fmt: skip
            item.write(zlib.compress(image.tobytes()), filter=pikepdf.Name.FlateDecode)
        book.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
