"""How a test looks at paper: pages as pictures, symbols decoded, text read back."""

from contextlib import closing

import pypdfium2
import zxingcpp
from PIL.Image import Image

DPI = 300


def pages(pdf: bytes, dpi: int = DPI) -> list[Image]:
    """Every page as a picture."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        pictures = []
        for number in range(len(document)):
            with closing(document[number]) as page:
                bitmap = page.render(scale=dpi / 72)
                pictures.append(bitmap.to_pil().copy())
                bitmap.close()
        return pictures


def symbols(picture: Image) -> set[str]:
    """The texts of all QR symbols in a picture."""
    return {found.text for found in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)}


def words(pdf: bytes) -> list[str]:
    """The text of every page, lines joined by single spaces."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        texts = []
        for number in range(len(document)):
            with closing(document[number]) as page, closing(page.get_textpage()) as text:
                texts.append(" ".join(text.get_text_range().split()))
        return texts
