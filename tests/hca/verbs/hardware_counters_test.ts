import { assertEquals } from "@std/assert";
import {
  hardwareCounters,
  MAX_HARDWARE_COUNTERS,
} from "../../../src/hca/verbs/hardware_counters.ts";
import { wrongSums } from "../../statistics_sums.ts";

/** Creates a device directory with files, and returns the counters of port 1 of "mlx5_0". */
async function countersOf(
  files: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const top = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      const full = `${top}/mlx5_0/${path}`;
      await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeTextFile(full, text);
    }
    return hardwareCounters("mlx5_0", 1, top);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

Deno.test("hardwareCounters() reads the counters of the port and of its device", async () => {
  const found = await countersOf({
    "ports/1/counters/symbol_error": "3\n",
    "ports/1/counters/port_rcv_data": "18446744073709551615\n",
    "ports/1/hw_counters/out_of_buffer": "42\n",
    "ports/1/hw_counters/lifespan": "10\n",
    "ports/2/counters/symbol_error": "99\n",
    "hw_counters/out_of_buffer": "50\n",
  });
  assertEquals(found, {
    "hca_symbol_error": 3,
    "hca_port_rcv_data": 2 ** 64,
    "hca_out_of_buffer": 42,
    "hca_device_out_of_buffer": 50,
  });
});

Deno.test("hardwareCounters() leaves out what is absent or not a number", async () => {
  const found = await countersOf({
    "ports/1/counters/symbol_error": "N/A (no PMA)\n",
    "ports/1/counters/link_downed": "\n",
    "ports/1/counters/port_xmit_wait": "5\n",
  });
  assertEquals(found, { "hca_port_xmit_wait": 5 });
  assertEquals(hardwareCounters("mlx5_0", 1, "/nonexistent"), {});
});

Deno.test("hardwareCounters() reads a bounded number of counters", async () => {
  const files = Array.from(
    { length: MAX_HARDWARE_COUNTERS + 10 },
    (_, i) => [`ports/1/hw_counters/counter${i}`, "1"],
  );
  const found = await countersOf(Object.fromEntries(files));
  assertEquals(Object.keys(found).length, MAX_HARDWARE_COUNTERS);
});

Deno.test("the counters of a device are no part of the sums of an interface's counters", () => {
  const zero = [
    ...["rx_frames", "rx_coalesced", "too_big_sent", "rx_ignored"],
    ...["tx_frames", "tx_generated", "tx_packets", "tx_waiting"],
    ...["tx_device_queue", "rx_received", "rx_writing", "rx_echoes"],
    ...["rx_packets", "tx_dropped", "rx_dropped"],
  ].map((name) => [name, 0]);
  const counters = Object.fromEntries(zero);
  const device = {
    "hca_port_xmit_discards": 4,
    "hca_rx_icrc_encapsulated": 2,
    "hca_device_tx_discards": 1,
  };
  assertEquals(wrongSums({ ...counters, ...device }), []);
});
