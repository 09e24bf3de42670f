"""Small whole files of each kind that is taken, and files that only pretend to be one."""

import zlib

from mscbank.core.attachments import Upload, received


def _chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def png(width: int = 2) -> bytes:
    """A picture of a few grey pixels."""
    head = width.to_bytes(4) + (1).to_bytes(4) + b"\x08\x00\x00\x00\x00"
    pixels = zlib.compress(b"\0" + b"\x80" * width)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def pdf(words: str = "Prescription, signed", more: str = "") -> bytes:
    """One page that says a few words."""
    drawn = f"BT /F1 24 Tf 72 700 Td ({words}) Tj ET"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {more} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Font << /F1 5 0 R >> >>",
    ]
    text, places = "%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(text))
        text += f"{number} 0 obj\n{one}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(text)
    text += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    text += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return text.encode()


JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9"
TIFF = b"II*\0\x08\0\0\0\0\0"
FCS = b"FCS3.1    " + b" " * 48
CSV = "échantillon;valeur\nA;1,5\n".encode()
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def paper(words: str = "Prescription, signed") -> Upload:
    """A scanned prescription as it comes in."""
    return received("scan.pdf", "application/pdf", pdf(words))
