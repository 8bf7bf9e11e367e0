import { assertEquals } from "@std/assert";
import { roundTrips } from "../../../scripts/demo/ping.ts";
import { columns, roundTripText } from "../../../scripts/demo/screen.ts";
import { gbit } from "../../../scripts/demo/traffic.ts";

Deno.test("roundTrips() returns minimum, mean and maximum of the round trips", () => {
  assertEquals(roundTrips(4, [0.5, 0.25, 1.5]), {
    sent: 4,
    received: 3,
    min: 0.25,
    avg: 0.75,
    max: 1.5,
  });
  assertEquals(roundTrips(1, []), {
    sent: 1,
    received: 0,
    min: NaN,
    avg: NaN,
    max: NaN,
  });
});

Deno.test("roundTripText() prints milliseconds as ping does", () => {
  assertEquals(
    roundTripText(roundTrips(2, [0.0401, 0.08])),
    "0.040 / 0.060 / 0.080",
  );
});

Deno.test("gbit() converts bytes and seconds to Gbit/s", () => {
  assertEquals(gbit({ bytes: 1e9, seconds: 4 }), 2);
});

Deno.test("columns() aligns cells", () => {
  assertEquals(columns([["from", "ms"], ["alpha", "10.5"]], 1), [
    "from     ms",
    "alpha  10.5",
  ]);
});
