/** `ipoib up [IF...]`: creates interfaces and runs until stopped. The action loads src/daemon on demand. */

import {
  Command,
  type CommandUnknownOpts,
  Option,
} from "@commander-js/extra-typings";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { CONNECTED_MTU, MIN_DEVICE_MTU } from "../../base/units.ts";
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
import { variable } from "../../base/variables.ts";
import { type Cli, netnsOf, refuseAllNetns } from "../cli.ts";
import {
  configPath,
  existing,
  interfaceOf,
  problemText,
  readConfigFile,
} from "../config/config_file.ts";
import { type InterfaceFile, NETNS } from "../config/interface_file.ts";
import { usageError } from "../errors.ts";
import { checkMinMtu } from "../link_values.ts";
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
function present<T extends object>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Throws `E_USAGE` if an option is given that only `--background` has. */
function refuseWithoutBackground(options: Record<string, unknown>): void {
  for (const [flag, value] of Object.entries(options)) {
    if (value !== undefined) {
      throw usageError(
        `${flag} needs --background`,
        "in the foreground the log goes to standard error, or to the journal",
      );
    }
  }
}

/** Returns an absolute path, which `ipoib -d link show` prints. */
function resolved(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

const BACKGROUND_HELP = `
Exit codes with --background: 0 all interfaces are ready; 2 an interface failed;
4 not ready in time (--timeout); 129, 130, 143 interrupted by SIGHUP, SIGINT,
SIGTERM. After 4 and a signal the process is stopped.`;

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
    .option(
      "--mtu <bytes>",
      "interface MTU",
      integer(MIN_DEVICE_MTU, CONNECTED_MTU),
    )
    .option(...USER)
    .option(
      "--config <file>",
      "configuration file of one interface (default: /etc/ipoib/IF.conf if it exists; not with several interfaces or a namespace)",
    )
    .option("--no-config", "use no configuration file")
    .option(
      "--background",
      "run in the background and return once all interfaces are ready",
    )
    .option(
      "--timeout <seconds>",
      "with --background: stop and fail if the interfaces are not ready in time (default: no limit)",
      integer(1, 86_400),
    )
    .option(
      "--log-file <file>",
      "with --background: append the log to this file (default: see `ipoib help`, IPOIB_LOG_DIR)",
    )
    .option(
      "--persist",
      "keep the interfaces with their addresses and routes if the process is killed; the next `ipoib up` takes them over",
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
    .option(
      "--threads <n>",
      "threads that carry the packets of several interfaces (default: one for each interface, at most one for each processor and six)",
      integer(1, 256),
    )
    .addOption(
      new Option(...LOG).choices(LOG_CHOICES).default("info" as const),
    )
    .addHelpText("after", BACKGROUND_HELP)
    .action(async (given, _options, self) => {
      refuseAllNetns(self);
      const config = findConfig(cli, given ?? [], self);
      const { names, file } = config;
      if (file) applyOptions(file, self);
      const { hca, roce, background, persist, config: _, ...others } = self
        .opts();
      const { guid, subnetMtu, mtu, maxGroups, maxConnections, ...rest } =
        others;
      const {
        user,
        recvQueueSize,
        sendQueueSize,
        threads,
        timeout,
        logFile,
        ...always
      } = rest;
      if (!background && !variable("IPOIB_LOG_FILE")) {
        refuseWithoutBackground({
          "--timeout": timeout,
          "--log-file": logFile,
        });
      }
      if (mtu !== undefined) checkMinMtu(mtu, always.mode);
      const upOptions: UpOptions = {
        ...always,
        names,
        hca: hca ?? { kind: "auto" },
        roce: roce ?? false,
        background: background ?? false,
        ...present({ guid, subnetMtu, mtu, maxGroups, maxConnections, user }),
        ...present({ recvQueueSize, sendQueueSize, persist }),
        ...present({
          threads,
          timeoutS: timeout,
          logFile: logFile && resolved(logFile),
        }),
        ...present({ netns: netnsOf(self) }),
        ...present({ config: config.path, setup: file?.setup }),
      };
      cli.exitCode = await cli.environment.up(upOptions);
    });
}

/** The configuration file of `ipoib up`, and the names of the interfaces. */
interface Config {
  readonly names: readonly string[];
  readonly path?: string;
  readonly file?: InterfaceFile;
}

/**
 * Reads the file that `--config` names, or else that of the only interface, if it exists and the interface is not
 * created in another network namespace, where a host may have another configuration. Without a name, the file names
 * the interface. Throws `E_USAGE`, `E_CONFIG` for a file with problems, and `E_CONFIG_READ`.
 */
function findConfig(
  cli: Cli,
  names: readonly string[],
  command: CommandUnknownOpts,
): Config {
  const { config } = command.opts() as { config?: string | false };
  const path = typeof config === "string"
    ? config
    : config === false || netnsOf(command) !== undefined
    ? undefined
    : defaultConfig(cli, names);
  if (path === undefined) return { names };
  if (names.length > 1) {
    throw usageError(
      "A configuration file describes one interface",
      "start each interface with its own file",
    );
  }
  const ifname = names[0] ?? interfaceOf(path);
  const file = readConfigFile(path, ifname, command.options);
  const [first, ...more] = file.problems;
  if (!first) return { names: [ifname], path, file };
  const { hint, ...problem } = first;
  const hints = [
    ...hint ? [hint] : [],
    ...more.length === 0
      ? []
      : [`${more.length} more: ipoib check-config ${path}`],
  ];
  throw new IpoibError("E_CONFIG", problemText(path, problem), {
    ...hints.length === 0 ? {} : { hint: hints.join("; ") },
  });
}

function defaultConfig(
  { environment }: Cli,
  names: readonly string[],
): string | undefined {
  if (names.length !== 1) return undefined;
  return existing(configPath(environment.configDirectory, names[0]!));
}

/** Sets the options that are in the file and not on the command line. */
function applyOptions(file: InterfaceFile, command: CommandUnknownOpts): void {
  for (const [name, value] of file.options) {
    if (name === NETNS && netnsOf(command) !== undefined) continue;
    if (command.getOptionValueSource(name) !== "cli") {
      command.setOptionValueWithSource(name, value, "config");
    }
  }
}
