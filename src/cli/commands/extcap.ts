/**
 * `ipoib extcap`: the interface of Wireshark to external capture programs (extcap(4)). Wireshark runs a program of its
 * extcap directory with options that begin with `--extcap-`, so a symbolic link to ipoib suffices (cli/plugin_call.ts).
 */

import { Command, Option } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { DEFAULT_SNAP_LENGTH } from "../../ipc/capture_options.ts";
import { CAPTURE_EDGES } from "../../ipc/schema.ts";
import { VERSION } from "../../ipc/version.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import {
  type ExtcapInterface,
  extcapInterfaces,
  extcapName,
  parseExtcapName,
} from "../extcap_interfaces.ts";
import { runCapture } from "./capture.ts";

/** Link type ERF: that of the packets of the fabric edge. Each interface of the file has its own. */
const DLT = "dlt {number=197}{name=ERF}{display=InfiniBand}\n";
const EDGE_NAMES = {
  fabric: "InfiniBand packets and MADs",
  host: "frames between the kernel and the interface",
  both: "both",
} as const;

/** Returns the lines for `--extcap-interfaces`. */
function interfaceLines(interfaces: readonly ExtcapInterface[]): string {
  const lines = interfaces.map((each) => {
    const { name, netns } = each;
    const where = netns === undefined ? "" : ` in namespace ${netns}`;
    const display = `IPoIB interface ${name}${where}`;
    return `interface {value=${extcapName(each)}}{display=${display}}`;
  });
  return [
    `extcap {version=${VERSION}}{display=IPoIB interfaces of ipoib}`,
    ...lines,
    "",
  ].join("\n");
}

/** Returns the lines for `--extcap-config`. */
function configLines(): string {
  const values = CAPTURE_EDGES.map((edge) =>
    `value {arg=0}{value=${edge}}{display=${EDGE_NAMES[edge]}}{default=${
      edge === "fabric"
    }}`
  );
  return [
    "arg {number=0}{call=--edge}{display=Capture}{type=selector}{tooltip=What to capture}",
    ...values,
    "arg {number=1}{call=--events}{display=Events of the process}{type=boolflag}{default=false}",
    "",
  ].join("\n");
}

/** Returns the line that says why a filter is invalid, or nothing. */
async function filterLine(filter: string): Promise<string> {
  const { compileFilter } = await import("../../capture/filter.ts");
  try {
    compileFilter(filter);
    return "";
  } catch (error) {
    return `${IpoibError.from(error).message}\n`;
  }
}

export function extcap(cli: Cli) {
  return new Command("extcap")
    .description("list and capture interfaces for Wireshark (extcap(4))")
    .option("--extcap-interfaces", "list the interfaces")
    .option("--extcap-version <version>", "version of Wireshark")
    .option("--extcap-interface <interface>", "interface of the other options")
    .option("--extcap-dlts", "list the link types of the interface")
    .option("--extcap-config", "list the options of the interface")
    .option("--extcap-capture-filter <filter>", "check this filter, or use it")
    .option("--capture", "capture")
    .option("--fifo <path>", "write the packets to this FIFO")
    .addOption(
      new Option("--edge <edge>", "as that of ipoib capture")
        .choices(CAPTURE_EDGES).default("fabric" as const),
    )
    .option("--events", "as that of ipoib capture")
    .action(async (options) => {
      const { extcapInterface, extcapCaptureFilter: filter, fifo } = options;
      const { environment } = cli;
      if (options.extcapInterfaces) {
        environment.out(interfaceLines(await extcapInterfaces(environment)));
        return;
      }
      const found = parseExtcapName(extcapInterface ?? "");
      if (!found) {
        throw usageError(
          "Option --extcap-interface needs an interface of this program",
          "see --extcap-interfaces",
        );
      }
      if (options.extcapDlts) environment.out(DLT);
      else if (options.extcapConfig) environment.out(configLines());
      else if (options.capture) {
        if (fifo === undefined) throw usageError("Option --fifo is missing");
        cli.exitCode = await runCapture(cli, found.netns, {
          name: found.name,
          edges: options.edge,
          file: fifo,
          snapLength: DEFAULT_SNAP_LENGTH,
          direction: "inout",
          filter: filter ?? "",
          events: options.events === true,
          quiet: true,
        });
      } else if (filter !== undefined) {
        environment.out(await filterLine(filter));
      }
    });
}
