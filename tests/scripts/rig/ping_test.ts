/** Pings of the rig. */

import { assertEquals, assertMatch } from "@std/assert";
import { lossOf, pingScript } from "../../../scripts/rig/ping.ts";

function replies(...sequence: number[]): string {
  return sequence.map((each) =>
    `64 bytes from 10.44.0.1: icmp_seq=${each} ttl=64 time=1.2 ms\n`
  ).join("");
}

Deno.test("lossOf() requires replies to three requests in a row, of which the first is among the first three", () => {
  for (
    const complete of [
      replies(1, 2, 3),
      replies(1, 2, 3, 4),
      // Out of order.
      replies(1, 3, 2),
      "From 10.44.0.3 icmp_seq=1 Destination Host Unreachable\n" +
      replies(2, 3, 4),
      replies(3, 4, 5),
    ]
  ) assertEquals(lossOf(complete, 1), undefined, complete);
  assertEquals(lossOf("", 1), "replies to requests none");
  assertEquals(lossOf(replies(1), 1), "replies to requests 1");
  assertEquals(lossOf(replies(1, 2), 1), "replies to requests 1, 2");
  assertEquals(lossOf(replies(1, 3, 4), 1), "replies to requests 1, 3, 4");
  assertEquals(lossOf(replies(1, 1, 2), 1), "replies to requests 1, 2");
  assertEquals(lossOf(replies(4, 5, 6), 1), "replies to requests 4, 5, 6");
  assertEquals(lossOf(replies(13, 14, 15), 5), undefined);
  assertEquals(
    lossOf(replies(16, 17, 18), 5),
    "replies to requests 16, 17, 18",
  );
  // A full packet over IPv6, and a duplicate.
  assertEquals(
    lossOf(
      "2024 bytes from fe80::1%ib0: icmp_seq=1 ttl=64 time=9.1 ms\n" +
        "2024 bytes from fe80::1%ib0: icmp_seq=1 ttl=64 time=9.9 ms (DUP!)\n" +
        replies(2),
      1,
    ),
    "replies to requests 1, 2",
  );
});

/** Replies to three requests, and goes on without replies. */
const PING = `#!/bin/sh
echo "PING $*"
for i in 1 2 3; do
  echo "64 bytes from 10.44.0.1: icmp_seq=$i ttl=64 time=1.2 ms"
  sleep 0.1
done
exec sleep 600
`;

Deno.test("pingScript() ends each ping after three replies, and prints the output of all", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/ping`, PING, { mode: 0o755 });
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", pingScript(["10.44.0.1", "10.44.0.2"], [56], 600, 1)],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}`, TMPDIR: folder },
    }).output();
    const [output, errors] = [stdout, stderr]
      .map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([code, errors], [0, ""]);
    const [before, ...outputs] = output!.split(/^pings of .*\n/m);
    assertEquals(before, "");
    assertEquals(
      outputs.map((each) => lossOf(each, 1)),
      [undefined, undefined],
      output,
    );
    assertMatch(outputs[1]!, /^PING .*-s 56 10\.44\.0\.2$/m);
    // The file of the output is removed.
    const files = await Array.fromAsync(Deno.readDir(folder));
    assertEquals(files.map(({ name }) => name), ["ping"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
