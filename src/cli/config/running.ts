/** The running configuration of an interface and its children, as the sections of a configuration file. */

import type { Option } from "@commander-js/extra-typings";
import { childName, formatPkey } from "../../base/units.ts";
import type { IpcClient } from "../../ipc/client.ts";
import { type ChildRecord, LOG_LEVEL, type Result } from "../../ipc/schema.ts";
import { addressWords, routeWords } from "./address_words.ts";
import { settingsOf } from "./interface_file.ts";
import { configuredMtu, type InterfaceState } from "./settings.ts";

type Line = readonly [key: string, value: string];

/** A section of a file. */
export interface RunningSection {
  readonly section: "Interface" | "Child";
  readonly lines: readonly Line[];
}

type Config = Result<"config.show">;

/** Fetches the configuration of a parent interface. `options` are those of `ipoib up`. */
export async function runningConfig(
  client: IpcClient,
  name: string,
  options: readonly Option[],
): Promise<RunningSection[]> {
  const config = await client.call("config.show", { name });
  // A file cannot describe a child in another namespace.
  const here = (await client.call("link.show", {}))
    .map(({ ifname, ifindex }) => `${ifindex} ${ifname}`);
  const children = (await client.call("child.list", { parent: name }))
    .filter(({ ifname, ifindex }) => here.includes(`${ifindex} ${ifname}`));
  return [
    {
      section: "Interface",
      lines: await parentLines(client, name, config, options),
    },
    ...await Promise.all(children.map(async (child) => ({
      section: "Child" as const,
      lines: await childLines(client, child, config),
    }))),
  ];
}

async function parentLines(
  client: IpcClient,
  name: string,
  config: Config,
  options: readonly Option[],
): Promise<Line[]> {
  const state = await fetchState(client, name, config);
  const changed: Record<string, string | undefined> = {
    ...config.options,
    // These may have changed since the start.
    mode: state.link.linkinfo.info_data.mode,
    mtu: configuredMtu(state.link)?.toString(),
    log: logLevel(state) ?? config.options.log,
    ...state.ring === state.newRing
      ? {}
      : { "recv-queue-size": String(state.ring) },
  };
  const optionLines = options.flatMap(({ long, defaultValue }): Line[] => {
    const key = long?.slice(2) ?? "";
    const value = changed[key];
    return value === undefined || value === String(defaultValue)
      ? []
      : [[key, value]];
  });
  return [
    ...optionLines,
    ...settingLines("parent", state),
    ...await addressLines(client, name),
  ];
}

/** Returns the minimum level of the log; undefined if the process is of a version that does not report it. */
function logLevel({ params }: InterfaceState): string | undefined {
  return params.find(({ param }) => param === LOG_LEVEL)?.value.toString();
}

async function childLines(
  client: IpcClient,
  child: ChildRecord,
  config: Config,
): Promise<Line[]> {
  const { ifname } = child;
  const state = await fetchState(client, ifname, config);
  return [
    ...identityLines(child),
    ...settingLines("child", state),
    ...state.link.flags.includes("UP") ? [] : [["up", "no"] as const],
    ...await addressLines(client, ifname),
  ];
}

/** Returns P_Key and name. A child of `child create` has its name from the parent and the P_Key as it was written. */
function identityLines({ ifname, link, kind, pkey }: ChildRecord): Line[] {
  const full = Number(pkey);
  const written = [full, full & 0x7fff].find((each) =>
    kind === "legacy" && ifname === childName(link, each)
  );
  return written === undefined
    ? [["pkey", pkey], ["name", ifname]]
    : [["pkey", formatPkey(written)]];
}

async function fetchState(
  client: IpcClient,
  name: string,
  config: Config,
): Promise<InterfaceState> {
  const [[link], coalesce, features, params, rings] = await Promise.all([
    client.call("link.show", { name }),
    client.call("coalesce.get", { name }),
    client.call("features", { name }),
    client.call("param.show", { name }),
    client.call("rings.get", { name }),
  ]);
  return {
    ...{ link: link!, coalesce, features, params },
    ...{ ring: rings.rx, newRing: config.recv_queue_size },
  };
}

function settingLines(
  kind: "parent" | "child",
  state: InterfaceState,
): Line[] {
  return [...settingsOf(kind)].flatMap(([key, { shown }]): Line[] => {
    const value = shown(state);
    return value === undefined || !isWritable(value) ? [] : [[key, value]];
  });
}

/** True for a value that a line of a file can have; an alias may be any text. */
function isWritable(value: string): boolean {
  return value !== "" && value === value.trim() && !/\p{Cc}/u.test(value);
}

async function addressLines(client: IpcClient, name: string): Promise<Line[]> {
  const [[addresses], [routes]] = await Promise.all([
    client.call("addr.show", { name }),
    client.call("route.show", { name }),
  ]);
  return [
    ...(addresses?.addr_info ?? []).flatMap((address): Line[] => {
      const words = addressWords(address, name);
      return words === undefined ? [] : [["address", words]];
    }),
    ...(routes?.routes ?? []).map((route) =>
      ["route", routeWords(route)] as const
    ),
  ];
}

/** Formats sections as a file. */
export function renderSections(sections: readonly RunningSection[]): string {
  return sections.map(({ section, lines }) =>
    [`[${section}]`, ...lines.map(([key, value]) => `${key} = ${value}`)]
      .map((line) => `${line}\n`).join("")
  ).join("\n");
}
