/**
 * The texts that no single command has: `ipoib help TOPIC` prints them, and they are sections of the man page ipoib(8).
 *
 * Layout (scripts/manual/help_text.ts reads it): paragraphs are separated by an empty line, a term is indented by two
 * spaces and followed by two spaces and its description, and lines that begin with `  # ` begin an example, which ends
 * at an empty line. Lines have at most 80 columns.
 */

import { Help } from "@commander-js/extra-typings";
import { VARIABLES } from "../base/variables.ts";

export interface Topic {
  /** The word after `ipoib help`. */
  readonly name: string;
  /** What the topic is about, in the list of topics. */
  readonly summary: string;
  /** Section of the man page; the name in upper case if undefined. */
  readonly section?: string;
  readonly text: string;
}

const DESCRIPTION = `\
ipoib is IP over InfiniBand (RFC 4391) in user space, without a kernel module
and with or without InfiniBand hardware. \`ipoib up\` creates a network interface
of type InfiniBand, with a 20-byte link-layer address, and runs as the process
that carries its packets. All other commands talk to such processes over local
sockets. They show and change interfaces as ip(8) and ethtool(8) do, which
cannot show the 20-byte address, the port and the statistics of the interface.

On a host with InfiniBand ports, \`ipoib up\` creates one interface for each port.
On other hosts, and with \`--hca soft\`, interfaces are ports of an embedded
subnet, which has its own subnet manager and needs no hardware.

The addresses, routes and neighbours of an interface are those of the kernel:
use \`ip addr\`, \`ip route\` and \`ip -s link\` as on any interface.
`;

const INTERFACES = `\
Commands take the name of an interface as IF or as \`dev IF\`. Without a name,
commands that show list all interfaces in the network namespace, with \`-a\`
those in all namespaces of the host. Other commands apply to the only parent
interface in the namespace, and are refused if there are several and with \`-a\`.

\`-n NS\` selects another namespace, by its name in ip-netns(8), by the PID of a
process in it, or by a path. After an interface is renamed or moved to another
namespace, commands find it under its new name in its new namespace.

An interface whose process does not reply within three seconds is listed as
"not answering".
`;

const ABBREVIATIONS = `\
Commands and options may be abbreviated. Those that ip(8) has too are abbreviated
as in ip, which takes the first of its words that begins with the letters:
\`ipoib l s\` is \`ipoib link set\`, \`ipoib l sh\` is \`ipoib link show\`. Others are
abbreviated to a unique prefix, where up, down, child, path, mcg, debug, param,
get, set, ethtool and subnet precede all other commands: \`ipoib c\` is
\`ipoib child\`, \`ipoib ca\` is \`ipoib capture\`. Commands that are added later
take no abbreviation of these away.

Options may stand before, between and after the words of a command; letters may
be joined (\`-br\` is \`--brief\`, \`-jp\` is \`-j -p\`), and the last of repeated
options applies. An object without a command is shown: \`ipoib neigh\` is
\`ipoib neigh show\`. The word help prints help for the words before or after it.
`;

const FILES = `\
  /etc/ipoib/IF.conf
      Configuration of the interface IF and its children (ipoib.conf(5)).
  /etc/ipoib/NAME.partitions
      Partitions of the embedded subnet NAME, in the syntax of OpenSM. Read by
      \`ipoib subnet run NAME\`.
  /run/ipoib/IF.sock
      Control socket of the interface IF in the initial network namespace
      (mode 0600).
  /run/ipoib/netns/INODE/IF.sock
      Control socket of an interface in another network namespace.
  /run/ipoib/IF.state
      Record of an interface that survives its process (\`ipoib up --persist\`, or
      the descriptor store of systemd), in the directory of its control socket.
  /var/log/ipoib/IF.log
      Log of a process that \`ipoib up --background\` started, and IF.log.1 to
      IF.log.4 the older ones; in another network namespace in the directory
      netns/NAME. \`ipoib -d link show\` prints the path.
  /run/ipoib/subnet/NAME/
      The embedded subnet NAME.
  /dev/net/tun
      The device with which network interfaces are created.
  /dev/infiniband/
      The devices of InfiniBand ports.
`;

const EXIT_STATUS = `\
  0  Success.
  1  Invalid arguments.
  2  Refused by the process of the interface, or by the kernel.
  3  Not running: no process serves the interface.

Refusals of \`ipoib ethtool\` have the exit status of ethtool(8): 1, with \`-t\` 74,
with \`-G\` 81, with \`-K\` 92. \`ipoib doctor\` has 4 for warnings, 5 for failures.
\`ipoib up --background\` has 4 if the interfaces are not ready in time, and 129,
130 or 143 if SIGHUP, SIGINT or SIGTERM interrupts it.
`;

const EXAMPLES = `\
Create two hosts on the embedded subnet, and send a packet between them:

  # ip netns add h1; ip netns add h2
  # ipoib up ib0 --netns h1 --background
  # ipoib up ib0 --netns h2 --background
  # ip -n h1 addr add 10.9.0.1/24 dev ib0
  # ip -n h2 addr add 10.9.0.2/24 dev ib0
  # ip netns exec h1 ping -c 1 10.9.0.2

List the interfaces in all network namespaces, one line each:

  # ipoib -br -a link

Show the port, the subnet and the state of an interface:

  # ipoib -d link show ib0

Create a child interface on partition 0x8001, and show the members and groups of
the embedded subnet:

  # ipoib child create 0x8001
  # ipoib subnet show

Use connected mode, with an MTU of 65520:

  # ipoib link set ib0 mode connected

Show the counters, with drops by reason:

  # ipoib ethtool -S ib0

Drop a fifth of all packets, and stop that again:

  # ipoib subnet fault set drop 20%
  # ipoib subnet fault clear
`;

const SEE_ALSO = `\
ipoib.conf(5), ip(8), ip-link(8), ip-neighbour(8), ip-netns(8), ethtool(8),
ibstat(8), opensm(8)
`;

/** All topics, in the order of the sections of ipoib(8). */
export const TOPICS: readonly Topic[] = [
  {
    name: "description",
    summary: "what the program is",
    text: DESCRIPTION,
  },
  {
    name: "interfaces",
    summary: "which interfaces a command applies to",
    text: INTERFACES,
  },
  {
    name: "abbreviations",
    summary: "short forms of commands and options",
    text: ABBREVIATIONS,
  },
  {
    name: "environment",
    summary: "environment variables",
    get text() {
      return definitions(VARIABLES);
    },
  },
  {
    name: "files",
    summary: "configuration files, sockets, logs and devices",
    text: FILES,
  },
  { name: "exit-status", summary: "exit codes", text: EXIT_STATUS },
  { name: "examples", summary: "command lines to begin with", text: EXAMPLES },
  { name: "see-also", summary: "related man pages", text: SEE_ALSO },
];

/** Returns the topic that `word` names or begins, if it is the only one. */
export function topicOf(word: string): Topic | undefined {
  const [topic, ...others] = TOPICS.filter(({ name }) => name.startsWith(word));
  return others.length === 0 ? topic : undefined;
}

/** Returns the text of a topic. */
export function textOf(name: string): string {
  return TOPICS.find((topic) => topic.name === name)!.text;
}

/** Returns terms with their descriptions, in lines of at most 80 columns. */
export function definitions(terms: Readonly<Record<string, string>>): string {
  const help = new Help();
  help.helpWidth = 80;
  const width = Math.max(...Object.keys(terms).map((term) => term.length));
  return Object.entries(terms).map(([term, text]) =>
    `${help.formatItem(term, width, text, help)}\n`
  ).join("");
}
