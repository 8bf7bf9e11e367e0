/** `ipoib up [IF...]`: creates interfaces and runs until stopped. The action loads src/daemon on demand. */

import { Command, Option } from "@commander-js/extra-typings";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { CONNECTED_MTU } from "../../base/units.ts";
import { INTERFACE_NAME_RULE, isInterfaceName } from "../../ipc/schema.ts";
import {
  type HcaChoice,
  IO_CHOICES,
  LOG_CHOICES,
  MEMBERSHIP_CHOICES,
  MODE_CHOICES,
  NEXT_HOP_CHOICES,
  parseHca,
  type UpOptions,
} from "../../ipc/up_options.ts";
import { type Cli, netnsOf } from "../cli.ts";
import { guid, integer, LOG, SUBNET_MTU, USER } from "../options.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";

function hca(text: string): HcaChoice {
  const choice = parseHca(text);
  if (choice) return choice;
  throw new InvalidArgumentError(
    "It must be soft, soft:SUBNET, DEVICE or DEVICE/PORT.",
  );
}

/** Appends one interface name to `before`. Throws InvalidArgumentError for an invalid or duplicate name. */
function interfaceName(
  text: string,
  before: readonly string[] = [],
): readonly string[] {
  if (!isInterfaceName(text)) {
    throw new InvalidArgumentError(`It must be ${INTERFACE_NAME_RULE}.`);
  }
  if (before.includes(text)) {
    throw new InvalidArgumentError("It is a duplicate.");
  }
  return [...before, text];
}

/** Returns a copy of `values` without undefined members. */
function given<T extends object>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export function up(cli: Cli) {
  return completeOperands(new Command("up"), inOrder([]))
    .description(
      "create an interface on each InfiniBand port and run until stopped",
    )
    .argument(
      "[IF...]",
      "interface names, assigned to the ports in order; default: ib0, ib1, ...",
      interfaceName,
    )
    .addOption(
      new Option(
        "--hca <hca>",
        "DEVICE/PORT, the first port of DEVICE, or soft[:SUBNET] (default: all ports, or soft if the host has no device)",
      ).argParser(hca),
    )
    .option(
      "--roce",
      "also use Ethernet (RoCE) ports, which reach only other nodes that run this program",
    )
    .option(
      "--pkey-index <n>",
      "index into the P_Key table of the port",
      integer(0, 0xffff),
      0,
    )
    .option("--guid <guid>", "port GUID of the soft HCA", guid)
    .option(...SUBNET_MTU)
    .addOption(
      new Option("--mode <mode>", "IPoIB mode").choices(MODE_CHOICES)
        .default("datagram" as const),
    )
    .option("--mtu <bytes>", "interface MTU", integer(68, CONNECTED_MTU))
    .option(...USER)
    .option(
      "--background",
      "run in the background and return once all interfaces are ready",
    )
    .addOption(
      new Option("--io <backend>", "I/O backend of the data path")
        .choices(IO_CHOICES).default("auto" as const),
    )
    .addOption(
      new Option(
        "--memberships <source>",
        "source of IP multicast memberships",
      ).choices(MEMBERSHIP_CHOICES).default("auto" as const),
    )
    .addOption(
      new Option(
        "--next-hops <source>",
        "source of next hops: an eBPF program, or route lookups",
      ).choices(NEXT_HOP_CHOICES).default("auto" as const),
    )
    .option(
      "--recv-queue-size <n>",
      "packets that can wait in the receive queue of an interface, rounded up to a power of two (default: 2048 on a device, 256 on the embedded subnet)",
      integer(2, 8192),
    )
    .option(
      "--send-queue-size <n>",
      "packets that a device can hold, rounded up to a power of two (default: 512)",
      integer(2, 8192),
    )
    .option(
      "--max-groups <n>",
      "maximum number of multicast groups per interface, without the broadcast group (default: 512)",
      integer(1, 16_383),
    )
    .option(
      "--max-connections <n>",
      "maximum number of connections of other hosts per interface (default: 1024)",
      integer(0, 65_536),
    )
    .addOption(
      new Option(...LOG).choices(LOG_CHOICES).default("info" as const),
    )
    .action(async (names, options, self) => {
      const { hca, roce, background, ...others } = options;
      const { guid, subnetMtu, mtu, maxGroups, maxConnections, ...rest } =
        others;
      const { user, recvQueueSize, sendQueueSize, ...always } = rest;
      const upOptions: UpOptions = {
        ...always,
        names: names ?? [],
        hca: hca ?? { kind: "auto" },
        roce: roce ?? false,
        background: background ?? false,
        ...given({ guid, subnetMtu, mtu, maxGroups, maxConnections, user }),
        ...given({ recvQueueSize, sendQueueSize }),
        ...given({ netns: netnsOf(self) }),
      };
      cli.exitCode = await cli.environment.up(upOptions);
    });
}
