"""The two checksums of FLAC; a text with its checksum behind it has the checksum zero."""


def _table(polynomial: int, bits: int) -> list[int]:
    top, kept = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & kept
        table.append(value)
    return table


TABLE_8, TABLE_16 = _table(0x07, 8), _table(0x8005, 16)


def crc8(content: bytes) -> int:
    """Return the checksum of a frame's header."""
    value = 0
    for byte in content:
        value = TABLE_8[value ^ byte]
    return value


def crc16(content: bytes) -> int:
    """Return the checksum of a frame."""
    value = 0
    for byte in content:
        value = (value << 8 & 0xFFFF) ^ TABLE_16[value >> 8 ^ byte]
    return value
