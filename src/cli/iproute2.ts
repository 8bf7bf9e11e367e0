/**
 * The words of `ip` and their abbreviations.
 *
 * `ip` compares a word with the entries of a table in their order and takes the first entry that begins with it: `ip l s`
 * is `ip link set`, because "set" precedes "show" (iproute2 6.1, ip.c, iplink.c, ipaddress.c, ipneigh.c, ipmaddr.c).
 */

/** An entry of a table. */
interface Entry {
  /** The word that `ip` compares with, without hyphens. */
  readonly word: string;
  /** The name in this program; undefined if it has no such option. */
  readonly name?: string;
}

/** An option before the object. */
interface OptionEntry extends Entry {
  /** The value that the option stands for. */
  readonly value?: string;
  /** True if a value follows as the next word. */
  readonly takesValue?: true;
}

/** Objects of `ip` that this program has too. */
const OBJECTS: readonly Entry[] = [
  { word: "address", name: "addr" },
  { word: "maddress", name: "maddr" },
  { word: "neighbor", name: "neigh" },
  { word: "neighbour", name: "neigh" },
  { word: "link", name: "link" },
  { word: "help", name: "help" },
];

/** Commands of each object, including those that this program does not have. */
const COMMANDS: Readonly<Record<string, readonly Entry[]>> = {
  link: [
    { word: "add", name: "add" },
    { word: "set", name: "set" },
    { word: "change", name: "set" },
    { word: "replace", name: "replace" },
    { word: "delete", name: "del" },
    { word: "show", name: "show" },
    { word: "lst", name: "show" },
    { word: "list", name: "show" },
    { word: "xstats", name: "xstats" },
    { word: "afstats", name: "afstats" },
    { word: "property", name: "property" },
    { word: "help", name: "help" },
  ],
  addr: [
    { word: "add", name: "add" },
    { word: "change", name: "change" },
    { word: "replace", name: "replace" },
    { word: "delete", name: "delete" },
    { word: "list", name: "show" },
    { word: "show", name: "show" },
    { word: "lst", name: "show" },
    { word: "flush", name: "flush" },
    { word: "save", name: "save" },
    { word: "showdump", name: "showdump" },
    { word: "restore", name: "restore" },
    { word: "help", name: "help" },
  ],
  neigh: [
    { word: "add", name: "add" },
    { word: "change", name: "change" },
    { word: "replace", name: "replace" },
    { word: "delete", name: "del" },
    { word: "get", name: "get" },
    { word: "show", name: "show" },
    { word: "lst", name: "show" },
    { word: "list", name: "show" },
    { word: "flush", name: "flush" },
    { word: "help", name: "help" },
  ],
  maddr: [
    { word: "add", name: "add" },
    { word: "delete", name: "delete" },
    { word: "list", name: "show" },
    { word: "show", name: "show" },
    { word: "lst", name: "show" },
    { word: "help", name: "help" },
  ],
};

/** Attributes of `ip link set` that may be abbreviated. */
const LINK_ATTRIBUTES: readonly Entry[] = [
  { word: "address", name: "address" },
  { word: "txqueuelen", name: "txqueuelen" },
  { word: "txqlen", name: "txqueuelen" },
  { word: "dynamic", name: "dynamic" },
  { word: "type", name: "type" },
  { word: "alias", name: "alias" },
  { word: "addrgenmode", name: "addrgenmode" },
];

/** Words of options that are no abbreviations of others. */
const EXACT_OPTIONS: readonly OptionEntry[] = [
  // `ip -h` prints human-readable numbers; here it prints help, as for most programs.
  { word: "h", name: "help" },
  { word: "H", name: "human" },
  { word: "version", name: "version" },
  { word: "4", name: "family", value: "inet" },
  { word: "6", name: "family", value: "inet6" },
  { word: "0", name: "family", value: "link" },
  { word: "M" },
  { word: "B" },
  { word: "echo" },
];

const OPTIONS: readonly OptionEntry[] = [
  { word: "loops", takesValue: true },
  { word: "family", name: "family", takesValue: true },
  { word: "human", name: "human" },
  { word: "human-readable", name: "human" },
  { word: "iec" },
  { word: "stats", name: "stats" },
  { word: "statistics", name: "stats" },
  { word: "details", name: "details" },
  { word: "resolve" },
  { word: "oneline", name: "oneline" },
  { word: "timestamp", name: "timestamp" },
  { word: "tshort", name: "timestamp" },
  { word: "Version", name: "version" },
  { word: "force" },
  { word: "batch", takesValue: true },
  { word: "brief", name: "brief" },
  { word: "json", name: "json" },
  { word: "pretty", name: "pretty" },
  { word: "rcvbuf", takesValue: true },
  { word: "color", name: "color", value: "always" },
  { word: "help", name: "help" },
  { word: "netns", name: "netns", takesValue: true },
  { word: "Numeric" },
  { word: "all", name: "all-netns" },
  { word: "all-netns", name: "all-netns" },
];

/**
 * Returns the full name of a command that `ip` has too: an object, or with `object` a command of this object. Returns
 * undefined if `ip` does not have it.
 */
export function commandOfIp(word: string, object?: string): string | undefined {
  const table = object === undefined ? OBJECTS : COMMANDS[object] ?? [];
  return first(table, word)?.name;
}

/** Returns the full name of an attribute of `ip link set` that may be abbreviated. */
export function linkAttributeOfIp(word: string): string | undefined {
  return first(LINK_ATTRIBUTES, word)?.name;
}

/** Returns the option of `ip` that a word stands for, such as `-br`, `--brief` or `-color=auto`, without its value. */
export function optionOfIp(option: string): OptionEntry | undefined {
  const word = option.replace(/^--?/, "");
  return EXACT_OPTIONS.find((entry) => entry.word === word) ??
    first(OPTIONS, word);
}

function first<E extends Entry>(
  table: readonly E[],
  word: string,
): E | undefined {
  return word === ""
    ? undefined
    : table.find((entry) => entry.word.startsWith(word));
}
