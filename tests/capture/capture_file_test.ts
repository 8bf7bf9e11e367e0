/** Files of a capture: blocks, interfaces, rotation and failures. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { CaptureFile } from "../../src/capture/capture_file.ts";
import type { Frame, FrameKind } from "../../src/capture/frames.ts";
import type { CaptureOptions } from "../../src/ipc/capture_options.ts";
import { viewOf } from "../wire/support.ts";

const OPTIONS: CaptureOptions & { file: string } = {
  name: "ib0",
  edges: "both",
  file: "f",
  snapLength: 262_144,
  direction: "inout",
  filter: "",
  events: true,
  quiet: true,
};

class Disk {
  readonly files = new Map<string, Uint8Array[]>();
  lost = 0;
  failure: Error | undefined;

  file(options: Partial<CaptureOptions> = {}): CaptureFile {
    return new CaptureFile({
      options: { ...OPTIONS, ...options },
      device: "soft:default port 1",
      open: (path) => {
        const parts: Uint8Array[] = [];
        this.files.set(path, parts);
        return {
          writeSync: (bytes) => {
            if (this.failure) throw this.failure;
            // In two parts, as a pipe may take them.
            const part = bytes.slice(0, Math.ceil(bytes.length / 2));
            parts.push(part);
            return part.length;
          },
        };
      },
      lost: () => this.lost,
    });
  }

  /** Returns the types of the blocks of each file. */
  blocks(): Record<string, number[]> {
    return Object.fromEntries(
      [...this.files].map(([name, parts]) => {
        const all = Uint8Array.from(parts.flatMap((part) => [...part]));
        const view = viewOf(all);
        const types: number[] = [];
        for (let at = 0; at < all.length; at += view.getUint32(at + 4, true)) {
          types.push(view.getUint32(at, true));
        }
        return [name, types];
      }),
    );
  }
}

function frame(kind: FrameKind, length = 100): Frame {
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  return { kind, bytes, length, view, packet: 0, packetLength: 0 };
}

function write(file: CaptureFile, kind: FrameKind, seconds = 0, length = 100) {
  const direction = "inbound";
  file.write({
    frame: frame(kind, length),
    seconds,
    nanoseconds: 0,
    direction,
  });
}

const [SECTION, INTERFACE, STATISTICS, PACKET] = [0x0a0d0d0a, 1, 5, 6];
const JOURNAL = 9;

Deno.test("an interface is described before its first packet, and has statistics at the end", () => {
  const disk = new Disk();
  const file = disk.file();
  file.open(0);
  for (const kind of ["packet", "host", "packet", "message"] as const) {
    write(file, kind);
  }
  file.close();
  file.close();
  assertEquals(disk.blocks(), {
    f: [
      ...[SECTION, INTERFACE, PACKET, INTERFACE, PACKET, PACKET, INTERFACE],
      ...[PACKET, STATISTICS, STATISTICS, STATISTICS],
    ],
  });
});

Deno.test("a capture without packets is a complete file", () => {
  const disk = new Disk();
  const file = disk.file({ edges: "host" });
  file.open(0);
  file.close();
  assertEquals(disk.blocks(), { f: [SECTION, INTERFACE, STATISTICS] });
});

Deno.test("another file is started after the size, and the numbers start again", () => {
  const disk = new Disk();
  const file = disk.file({ rotateMegabytes: 1, files: 2 });
  file.open(0);
  for (let i = 0; i < 60; i++) write(file, "packet", 0, 50_000);
  file.close();
  // 20 packets exceed a million bytes; the third file replaces the first.
  const packets = (name: string) =>
    disk.blocks()[name]!.filter((type) => type === PACKET).length;
  assertEquals([...disk.files.keys()], ["f0", "f1"]);
  assertEquals([packets("f0"), packets("f1")], [20, 20]);
});

Deno.test("another file is started after the time, and the capture is full after the last", () => {
  const disk = new Disk();
  const file = disk.file({ rotateSeconds: 10, files: 2 });
  file.open(100);
  for (const seconds of [100, 109, 110, 115]) write(file, "packet", seconds);
  assertEquals(file.full, false);
  write(file, "packet", 125);
  assertEquals(file.full, true);
  file.close();
  const blocks = [SECTION, INTERFACE, PACKET, PACKET, STATISTICS];
  assertEquals(disk.blocks(), { f: blocks, f1: blocks });
});

Deno.test("an event is an entry of the journal, in the file of its time", () => {
  const disk = new Disk();
  const file = disk.file({ rotateSeconds: 10 });
  file.open(100);
  write(file, "packet", 100);
  const text = "ib0 link state: running -> closed";
  for (const timeMs of [101_250, 110_000]) file.writeEvent({ timeMs, text });
  file.close();
  assertEquals(disk.blocks(), {
    f: [SECTION, INTERFACE, PACKET, JOURNAL, STATISTICS],
    f1: [SECTION, INTERFACE, JOURNAL, STATISTICS],
  });
  const [first] = disk.files.values();
  const content = new TextDecoder().decode(
    Uint8Array.from(first!.flatMap((part) => [...part])),
  );
  assertStringIncludes(
    content,
    `__REALTIME_TIMESTAMP=101250000\nPRIORITY=5\nSYSLOG_IDENTIFIER=ipoib\nMESSAGE=${text}\n`,
  );
});

Deno.test("a failure to write names the file", () => {
  const disk = new Disk();
  const file = disk.file();
  file.open(0);
  disk.failure = new Error("No space left on device");
  const error = assertThrows(
    () => file.flush(),
    IpoibError,
    'Cannot write "f": No space left on device',
  );
  assertEquals(error.code, "E_CAPTURE_FILE");
});

Deno.test("a file that cannot be opened is named once", () => {
  const file = new CaptureFile({
    options: { ...OPTIONS, file: "/nonexistent/x" },
    device: "soft:default port 1",
    open: (path) => Deno.openSync(path, { write: true, create: true }),
    lost: () => 0,
  });
  const { message } = assertThrows(() => file.open(0), IpoibError);
  assertEquals(
    message,
    'Cannot open "/nonexistent/x": No such file or directory',
  );
});
