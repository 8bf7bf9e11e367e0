import { assertEquals } from "@std/assert";
import { carriedBytes } from "../../../scripts/rig/iperf.ts";

Deno.test("carriedBytes() returns the bytes of each connection in both directions, by peer", () => {
  const text =
    `ESTAB 0      0      10.44.0.1:5301 10.44.0.3:40002 cubic wscale:7,7 rto:204 bytes_sent:900 bytes_acked:800 bytes_received:7 segs_out:3
ESTAB 0      131072 10.44.0.1:5301 10.44.0.3:40004 cubic wscale:7,7 rto:51456 backoff:8 bytes_sent:100 bytes_retrans:60
`;
  assertEquals([...carriedBytes(text)], [
    ["10.44.0.3:40002", 807],
    ["10.44.0.3:40004", 0],
  ]);
});
