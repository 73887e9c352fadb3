"""Windows of event time in Flink over lines `milliseconds,key,value`:  python windows.py EVENTS SIZE SLIDE DELAY OUT

The watermark follows each event, DELAY behind the latest, so which events are late depends on the events alone.
OUT gets `start,key,count,sum` for each window and key: what `cargo run --example windows` prints for the same events.
"""
import csv
import os
import sys
import tempfile
from datetime import datetime, timedelta

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

events, size, slide, delay, out = sys.argv[1:]
settings = Configuration()
settings.set_string("parallelism.default", "1")  # One reader: events in the order of the file.
settings.set_string("pipeline.auto-watermark-interval", "0")  # After each event, not by the clock.
settings.set_string("table.optimizer.agg-phase-strategy", "ONE_PHASE")  # Late is judged where an event comes.
settings.set_string("table.local-time-zone", "UTC")
table = TableEnvironment.create(EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build())


def interval(milliseconds):
    seconds, rest = divmod(int(milliseconds), 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    return f"INTERVAL '{days} {hours % 24:02}:{minutes % 60:02}:{seconds % 60:02}.{rest:03}' DAY TO SECOND(3)"


# To Flink a watermark of t says that no event of t or before is to come; to kernlet, none before t.
table.execute_sql(f"""
    CREATE TABLE events (
        ms BIGINT, name STRING, amount BIGINT, event_time AS TO_TIMESTAMP_LTZ(ms, 3),
        WATERMARK FOR event_time AS event_time - {interval(int(delay) + 1)}
    ) WITH ('connector' = 'filesystem', 'path' = '{events}', 'format' = 'csv')""")
tumbling = size == slide
of = f"TUMBLE(TABLE events, DESCRIPTOR(event_time), {interval(size)})" if tumbling else \
    f"HOP(TABLE events, DESCRIPTOR(event_time), {interval(slide)}, {interval(size)})"
with tempfile.TemporaryDirectory() as folder:
    table.execute_sql(f"""
        CREATE TABLE results (start_of STRING, name STRING, events BIGINT, amount BIGINT)
        WITH ('connector' = 'filesystem', 'path' = '{folder}', 'format' = 'csv')""")
    table.execute_sql(f"""
        INSERT INTO results
        SELECT CAST(window_start AS STRING), name, COUNT(*), SUM(amount)
        FROM TABLE({of}) GROUP BY window_start, window_end, name""").wait()
    with open(out, "w", encoding="utf-8") as file:
        for part in sorted(os.listdir(folder)):
            if not part.startswith((".", "_")):
                with open(os.path.join(folder, part), encoding="utf-8", newline="") as lines:
                    for start, *rest in csv.reader(lines):
                        since = datetime.fromisoformat(start) - datetime(1970, 1, 1)
                        print(since // timedelta(milliseconds=1), *rest, sep=",", file=file)
