/** What a capture prints, of an interface on the fake fabric. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { capture } from "../../src/capture/capture.ts";
import { Captures } from "../../src/daemon/capture/captures.ts";
import type { CaptureOptions } from "../../src/ipc/capture_options.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import { GsoType, VnetFlag, VnetHeader } from "../../src/wire/vnet.ts";
import { type Host, ipv4Frame, Rig } from "../ipoib/rig.ts";
import { viewOf } from "../wire/support.ts";

const BYTES = 1 << 18;

/** Returns a frame whose UDP packet is cut into packets of 2000 bytes of payload. */
function largeSend(payloadLength: number): Uint8Array {
  const vnet = new Uint8Array(12);
  const header = new VnetHeader(viewOf(vnet));
  header.flags = VnetFlag.NeedsChecksum;
  header.checksumStart = 14 + 20;
  header.checksumOffset = 6;
  header.gsoType = GsoType.UdpL4;
  header.gsoSize = 2000;
  header.headerLength = 14 + 20 + 8;
  const udp = new Uint8Array(8 + payloadLength);
  viewOf(udp).setUint16(4, udp.length);
  return ipv4Frame("10.0.0.1", "10.0.0.2", { payload: udp, vnet });
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

/**
 * Captures while `traffic` runs, until the interface ends, which is `endMs` later. Returns what is printed.
 */
async function captured(
  options: Partial<CaptureOptions>,
  traffic: (host: Host) => void,
  endMs = 0,
): Promise<{ out: string; err: string }> {
  const before = Deno.env.get("IPOIB_RUNTIME_DIR");
  const runtime = await Deno.makeTempDir();
  Deno.env.set("IPOIB_RUNTIME_DIR", runtime);
  const [host] = new Rig().pair();
  const reactor = new PollReactor();
  const captures = new Captures(reactor, host.port);
  const turns = setInterval(() => reactor.turn(0), 1);
  const text = { out: "", err: "" };
  let end: ReturnType<typeof setTimeout> | undefined;
  try {
    await capture(
      {
        ...{ name: "ib0", edges: "fabric", snapLength: 262_144, filter: "" },
        ...{ direction: "out", events: false, quiet: false },
        ...options,
      },
      {
        start: () =>
          Promise.resolve(captures.start(host.device.parent, "fabric", BYTES)),
        follow: () => Promise.reject(new Error("not followed")),
      },
      {
        out: (more) => text.out += more,
        outEnded: false,
        err: (more) => {
          text.err += more;
          if (!more.startsWith("capturing on")) return;
          traffic(host);
          host.rig.settle();
          if (endMs === 0) captures.close();
          else end = setTimeout(() => captures.close(), endMs);
        },
      },
    );
  } finally {
    clearInterval(turns);
    clearTimeout(end);
    captures.close();
    if (before === undefined) Deno.env.delete("IPOIB_RUNTIME_DIR");
    else Deno.env.set("IPOIB_RUNTIME_DIR", before);
    await Deno.remove(runtime, { recursive: true });
  }
  return text;
}

Deno.test("the packets into which a large send is cut are captured, and received by the filter", async () => {
  const { out, err } = await captured(
    { filter: "ip" },
    (host) => host.netdev.inject(largeSend(5000)),
  );
  assertEquals(out.match(/ Out .* UDP/g)?.length, 3);
  assertMatch(err, /\n3 packets captured\n3 packets received by filter\n0 /);
});

Deno.test("-c ends between the packets of a large send, all of which the filter has received", async () => {
  const { out, err } = await captured(
    { filter: "ip", count: 2 },
    (host) => host.netdev.inject(largeSend(5000)),
  );
  assertEquals(out.match(/ Out .* UDP/g)?.length, 2);
  assertMatch(err, /\n2 packets captured\n3 packets received by filter\n/);
});

Deno.test("files are started by time, and the capture ends with the last, without any packet", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { err } = await captured(
      { file: `${directory}/f`, rotateSeconds: 1, files: 2 },
      () => {},
      patient(10_000),
    );
    assert(!err.includes("has ended"), err);
    const files = namesIn(directory);
    assertEquals(files, ["f", "f1"]);
    for (const name of files) {
      // Each has its section header.
      const bytes = await Deno.readFile(`${directory}/${name}`);
      assertEquals(viewOf(bytes).getUint32(0, true), 0x0a0d0d0a);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the first line names the first file, which has a number with -C and -W", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { err } = await captured(
      { file: `${directory}/f`, rotateMegabytes: 1, files: 2 },
      () => {},
    );
    assertStringIncludes(err, ` to ${directory}/f0\n`);
    const files = namesIn(directory);
    assertEquals(files, ["f0"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
