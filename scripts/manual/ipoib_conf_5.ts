/**
 * The man page ipoib.conf(5): the keys of configuration files, which are the options of `ipoib up` and the settings of
 * src/cli/config/settings.ts.
 */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import {
  NOT_IN_FILES,
  settingsOf,
} from "../../src/cli/config/interface_file.ts";
import { VARIABLES } from "../../src/base/variables.ts";
import { definitions } from "../../src/cli/topics.ts";
import { blocksOf } from "./help_text.ts";
import { Mdoc } from "./mdoc.ts";

const DESCRIPTION = `\
The file IF.conf describes the interface IF and its children. \`ipoib up IF\` reads
it, and so does the unit ipoib@IF.service of systemd(1).

A line is a section, \`KEY = VALUE\`, or a comment, which begins with # or ; as its
first character. The case of sections and keys is not significant. A key may
occur once in a section, except address and route. Section [Interface] may be
missing; section [Child] may be repeated, once for each child.

A file with a problem creates no interface. \`ipoib check-config\` prints all
problems with their lines and columns. A setting that only the kernel or the
fabric can refuse is logged with its line, and the others are applied.

\`ipoib showconf IF\` prints the configuration of a running interface in this
format. To keep it, write it to a new file and rename that: a redirection to
IF.conf itself empties the file if the interface does not run.
`;

const BOTH = `\
These keys may occur in both sections:

  address = ADDRESS/LENGTH [peer A] [brd A|+] [label NAME] [metric N] [nodad] [noprefixroute]
      An IP address, in the words of \`ip address add\`. May be repeated. It is
      added once, when the interface starts.
  route = PREFIX|default [via A] [src A] [metric N] [table N] [mtu N] [onlink]
      A route through the interface, in the words of \`ip route add\`. May be
      repeated. It is added unless another route has its destination and metric.
`;

const CHILD = `\
  pkey = P_KEY
      The P_Key of the child, such as 0x8001. Required.
  name = NAME
      The name of the child; by default that of the parent, a dot and the P_Key:
      ib0.8001.
  up = yes|no
      Whether the child is set up; default: yes.
`;

const FILES = `\
  /etc/ipoib/IF.conf
      The file of interface IF. \`ipoib up --config FILE\` reads another one,
      \`ipoib up --no-config\` none.
  /etc/netns/NAME/ipoib/
      Replaces /etc/ipoib for commands in the network namespace NAME, as
      ip-netns(8) describes.
`;

const EXAMPLES = `\
An interface with two children, of which one is in connected mode:

  # cat /etc/ipoib/ib0.conf
  [Interface]
  hca = mlx5_0/1
  umcast = 1
  rx-usecs = 16
  address = 10.9.7.1/24 brd +
  route = 10.77.0.0/16 via 10.9.7.254
  [Child]
  pkey = 0x8001
  mode = connected
  mtu = 65520
  address = 10.9.8.1/24
  [Child]
  name = blue
  pkey = 0x8002
  up = no
`;

const SEE_ALSO = `\
ipoib(8), ip-address(8), ip-route(8), systemd(1)
`;

/** What each setting is. Those of ethtool and of the driver keep their names. */
const SETTINGS: Readonly<Record<string, string>> = {
  "mode": "IPoIB mode: datagram or connected",
  "mtu": "interface MTU in bytes",
  "recv-queue-size": "packets that can wait in the receive queue, 2 to 8192",
  "umcast":
    "1 to leave groups to other programs that have joined them, 0 not to",
  "alias": "text that `ip link` shows",
  "txqueuelen": "length of the transmit queue in packets",
  "group": "group of interfaces: default, or a number",
  "addrgenmode":
    "generation of IPv6 addresses, in the words of `ip link set addrgenmode`",
  "rx-usecs": "delay of receive events in microseconds, as `ipoib ethtool -C`",
  "rx-frames": "packets that end the delay, as `ipoib ethtool -C`",
  "adaptive-rx": "on to choose the delay by the traffic, as `ipoib ethtool -C`",
  "features": "offload features, as `ipoib ethtool -K`: tso off gro off",
  "debug_level": "1 to log the driver's debug messages, as `ipoib param`",
  "mcast_debug_level": "1 to log joins and leaves, as `ipoib param`",
  "data_debug_level": "1 to log packets, as `ipoib param`",
};

/** Returns the page. Throws an Error for a setting without a description. */
export function configurationPage(
  program: CommandUnknownOpts,
  date: string,
): string {
  const page = new Mdoc({
    name: "ipoib.conf",
    section: 5,
    summary: "configuration of an IP over InfiniBand interface",
    date,
  });
  page.section("SYNOPSIS");
  page.text("`/etc/ipoib/IF.conf`");
  page.section("DESCRIPTION");
  page.blocks(blocksOf(DESCRIPTION));
  page.section("INTERFACE SECTION");
  page.text(
    "The long options of `ipoib up` are keys without the hyphens; an option without a value is yes or no.",
  );
  page.list(() => {
    addOptions(page, program);
    page.item("netns = NS");
    page.text("network namespace of the interface: NAME, PID or PATH");
    addSettings(page, "parent");
  });
  page.section("CHILD SECTION");
  page.blocks(blocksOf(CHILD));
  page.list(() => addSettings(page, "child"));
  page.section("ADDRESSES AND ROUTES");
  page.blocks(blocksOf(BOTH));
  for (
    const [title, text] of Object.entries({
      ENVIRONMENT: definitions({
        "IPOIB_CONFIG_DIR": VARIABLES.IPOIB_CONFIG_DIR,
      }),
      FILES,
      EXAMPLES,
      "SEE ALSO": SEE_ALSO,
    })
  ) {
    page.section(title);
    page.blocks(blocksOf(text));
  }
  return page.toString();
}

/** Adds the options of `ipoib up` that may be keys. */
function addOptions(page: Mdoc, program: CommandUnknownOpts): void {
  const up = program.commands.find((each) => each.name() === "up")!;
  const help = up.createHelp();
  for (const option of up.options) {
    const { long, flags } = option;
    if (!long || option.hidden || NOT_IN_FILES.includes(long)) continue;
    const value = /<.*>/.exec(flags)?.[0] ?? "yes|no";
    page.item(`${long.slice(2)} = ${value}`);
    page.text(help.optionDescription(option));
  }
}

function addSettings(page: Mdoc, kind: "parent" | "child"): void {
  for (const key of settingsOf(kind).keys()) {
    const text = SETTINGS[key];
    if (text === undefined) {
      throw new Error(`Setting ${key} has no description`);
    }
    page.item(`${key} = VALUE`);
    page.text(text);
  }
}
