/** `ipoib up [IF...]`: becomes interfaces. The daemon is loaded only when this runs. */

import { Command, Option } from "@commander-js/extra-typings";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { isInterfaceName } from "../../ipc/schema.ts";
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
import { addNetns, guid, integer, subnetMtu, USER } from "../options.ts";

function hca(text: string): HcaChoice {
  const choice = parseHca(text);
  if (choice) return choice;
  throw new InvalidArgumentError(
    "It must be soft, soft:SUBNET, DEVICE or DEVICE/PORT.",
  );
}

/** Reads one more name. */
function interfaceName(
  text: string,
  before: readonly string[] = [],
): readonly string[] {
  if (!isInterfaceName(text)) {
    throw new InvalidArgumentError(
      "It must have 1 to 15 characters without slash, colon or blank.",
    );
  }
  if (before.includes(text)) {
    throw new InvalidArgumentError("It is there twice.");
  }
  return [...before, text];
}

/** The members of `values` that are not undefined. */
function given<T extends object>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export function up(cli: Cli) {
  return addNetns(
    new Command("up")
      .description("be an interface on each InfiniBand port until taken down")
      .argument(
        "[IF...]",
        "interface names, given to the ports in order; default: ib0, ib1, ...",
        interfaceName,
      )
      .addOption(
        new Option(
          "--hca <hca>",
          "one port, DEVICE/PORT or the first of DEVICE, or soft[:SUBNET] (default: all ports, or soft if there is no device)",
        ).argParser(hca),
      )
      .option(
        "--roce",
        "also use Ethernet ports (RoCE), where only other nodes of this program are reached",
      )
      .option(
        "--pkey-index <n>",
        "position in the port's P_Key table",
        integer(0, 0xffff),
        0,
      )
      .option("--guid <guid>", "port GUID of the soft HCA", guid)
      .option(
        "--subnet-mtu <bytes>",
        "IB MTU of the embedded subnet, 2048 or 4096",
        subnetMtu,
      )
      .addOption(
        new Option("--mode <mode>", "of the interface").choices(MODE_CHOICES)
          .default("datagram" as const),
      )
      .option("--mtu <bytes>", "MTU to ask for", integer(68, 65520))
      .option(...USER)
      .option("--background", "return once all of them carry traffic")
      .addOption(
        new Option("--io <backend>", "system calls of the data path")
          .choices(IO_CHOICES).default("auto" as const),
      )
      .addOption(
        new Option(
          "--memberships <way>",
          "how multicast memberships are watched",
        ).choices(MEMBERSHIP_CHOICES).default("auto" as const),
      )
      .addOption(
        new Option(
          "--next-hops <source>",
          "of routed packets: a program in the kernel, or its routes",
        ).choices(NEXT_HOP_CHOICES).default("auto" as const),
      )
      .option(
        "--max-groups <n>",
        "most multicast groups of an interface, beside its broadcast group (default: 512)",
        integer(1, 16_383),
      )
      .addOption(
        new Option("--log <level>", "least level that is logged")
          .choices(LOG_CHOICES).default("info" as const),
      )
      .action(async (names, options, self) => {
        const { hca, roce, background, ...others } = options;
        const { guid, subnetMtu, mtu, maxGroups, user, ...always } = others;
        const upOptions: UpOptions = {
          ...always,
          names: names ?? [],
          hca: hca ?? { kind: "auto" },
          roce: roce ?? false,
          background: background ?? false,
          ...given({ guid, subnetMtu, mtu, maxGroups, user }),
          ...given({ netns: netnsOf(self) }),
        };
        cli.exitCode = await cli.environment.up(upOptions);
      }),
  );
}
