/** `ipoib capture IF [FILTER]`: writes the packets of an interface to a pcapng file, or prints them as tcpdump does. */

import {
  Command,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import {
  CAPTURE_EDGES,
  MAX_CAPTURE_BYTES,
  MIN_CAPTURE_BYTES,
} from "../../ipc/schema.ts";
import {
  CAPTURE_DIRECTIONS,
  type CaptureEvent,
  type CaptureOptions,
  DEFAULT_SNAP_LENGTH,
} from "../../ipc/capture_options.ts";
import { type Cli, netnsOf, refuseAllNetns } from "../cli.ts";
import type { CliEnvironment } from "../environment.ts";
import { errorLine, usageError } from "../errors.ts";
import { lostEvents } from "../event_monitor.ts";
import { refuseOptions } from "../foreign_options.ts";
import { integer, refuseJson } from "../options.ts";
import { renderEvent } from "../render/event_text.ts";
import { PLAIN } from "../render/style.ts";
import { openInterface } from "../session.ts";
import { refusalOfTcpdump } from "../tcpdump_foreign.ts";

const KIBIBYTE = 1024;

/** Runs a capture of an interface in namespace `netns`. Returns the exit code. */
export async function runCapture(
  { environment }: Cli,
  netns: string | undefined,
  options: CaptureOptions,
  bytes?: number,
): Promise<number> {
  const { name, edges } = options;
  return await environment.capture(options, {
    async start() {
      using target = await openInterface(environment, netns, name);
      return await target.client.call("capture.start", {
        ...{ name, edges },
        ...(bytes === undefined ? {} : { bytes }),
      });
    },
    follow: (take) => followEvents(environment, netns, name, take),
  });
}

/**
 * Follows the events of the process of an interface: also those of its parent and its children, as all of them use the
 * same port. The returned object ends it.
 */
async function followEvents(
  environment: CliEnvironment,
  netns: string | undefined,
  name: string,
  take: (event: CaptureEvent) => void,
): Promise<Disposable> {
  const target = await openInterface(environment, netns, name);
  const stream = target.client.stream("events.watch", {}, (events, lost) => {
    const lostOnes = lost > 0 ? [lostEvents(name, lost)] : [];
    for (const event of [...lostOnes, ...events]) {
      const text = renderEvent({ event }, { palette: PLAIN }, false).trimEnd();
      take({ timeMs: event.time_ms, text });
    }
  });
  // The capture reports the end of the interface itself.
  void stream.catch((error) => {
    if (error.code !== "E_IPC_CLOSED") environment.err(errorLine(error));
  });
  return target;
}

/** Parses a snapshot length; 0 is the default, as in tcpdump. */
function snapLength(text: string): number {
  return integer(0, DEFAULT_SNAP_LENGTH)(text) || DEFAULT_SNAP_LENGTH;
}

function path(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

export function capture(cli: Cli) {
  return refuseOptions(new Command("capture"), refusalOfTcpdump)
    .description(
      "write the packets of an interface to a pcapng file, or print them",
    )
    .argument("<IF>", "interface")
    .argument(
      "[FILTER...]",
      "expression of pcap-filter(7); also mad, sa, cm, rc, dropped, inbound, outbound",
    )
    .option("-w <file>", "write to this file; -: standard output", path)
    .option("-c <n>", "end after this number of packets", integer(1, 2 ** 31))
    .option(
      "-s <bytes>",
      "capture at most this number of bytes of each packet",
      snapLength,
      DEFAULT_SNAP_LENGTH,
    )
    .option(
      "-G <seconds>",
      "start another file after this time; the file name is a format of strftime(3)",
      integer(1, 2 ** 31),
    )
    .option(
      "-C <megabytes>",
      "start another file after this size, in millions of bytes: FILE, FILE1, ..., with -W FILE0, FILE1, ...",
      integer(1, 2 ** 31),
    )
    .option(
      "-W <n>",
      "maximum number of files; with -C the oldest is replaced, with -G the capture ends",
      integer(1, 1_000_000),
    )
    .addOption(
      new Option("-Q <direction>", "capture only this direction")
        .choices(CAPTURE_DIRECTIONS).default("inout" as const),
    )
    .addOption(
      new Option(
        "--edge <edge>",
        "fabric: InfiniBand packets and MADs; host: frames between the kernel and the interface",
      ).choices(CAPTURE_EDGES).default("fabric" as const),
    )
    .option(
      "--events",
      "also the events of the process, as `ipoib events` prints them: in a file, entries of systemd's journal",
    )
    .option(
      "-B <KiB>",
      "size of the buffer between the interface and this process (default: 16384)",
      integer(MIN_CAPTURE_BYTES / KIBIBYTE, MAX_CAPTURE_BYTES / KIBIBYTE),
    )
    .action(async (name, words, options, self) => {
      refuseAllNetns(self);
      refuseJson(self, "tshark -T json -r FILE prints a file");
      const { w, c, s, G, C, W, Q, edge, B } = options;
      const rotates = G !== undefined || C !== undefined;
      if (rotates && (w === undefined || w === "-")) {
        throw usageError("Options -G and -C need a file", "add -w FILE");
      }
      if (W !== undefined && !rotates) {
        throw usageError("Option -W needs -G or -C");
      }
      const captureOptions: CaptureOptions = {
        name,
        edges: edge,
        snapLength: s,
        direction: Q,
        filter: words.join(" "),
        events: options.events === true,
        quiet: false,
        ...(w === undefined ? {} : { file: w }),
        ...(c === undefined ? {} : { count: c }),
        ...(G === undefined ? {} : { rotateSeconds: G }),
        ...(C === undefined ? {} : { rotateMegabytes: C }),
        ...(W === undefined ? {} : { files: W }),
      };
      const bytes = B === undefined ? undefined : B * KIBIBYTE;
      cli.exitCode = await runCapture(
        cli,
        netnsOf(self),
        captureOptions,
        bytes,
      );
    });
}
