/**
 * The interfaces that Wireshark lists: those of running processes in this namespace, and in namespaces with a name.
 *
 * The name that Wireshark gives back is `ipoib-ib0`, or `ipoib-ib0@NS` for another namespace. The prefix distinguishes
 * it from the network device, which Wireshark lists too.
 */

import {
  interfaceSockets,
  namespaceDirectories,
  socketDirectory,
} from "../ipc/locate.ts";
import type { CliEnvironment } from "./environment.ts";
import { connect } from "./session.ts";

const PREFIX = "ipoib-";

/** A running interface. `netns` is undefined in this namespace. */
export interface ExtcapInterface {
  readonly name: string;
  readonly netns: string | undefined;
}

/** Returns the running interfaces that this user may use. */
export async function extcapInterfaces(
  environment: CliEnvironment,
): Promise<ExtcapInterface[]> {
  const { runtime } = environment;
  const own = await environment.namespace();
  const found = await runningIn(socketDirectory(runtime, own), undefined);
  const names = await environment.namespaceNames();
  for (const { path, inode } of directoriesIn(runtime)) {
    const netns = names.get(inode!);
    if (inode === own.inode || netns === undefined) continue;
    found.push(...await runningIn(path, netns));
  }
  return found;
}

function directoriesIn(runtime: string) {
  try {
    return namespaceDirectories(runtime);
  } catch {
    // This user may not list them.
    return [];
  }
}

async function runningIn(
  directory: string,
  netns: string | undefined,
): Promise<ExtcapInterface[]> {
  const found: ExtcapInterface[] = [];
  try {
    for (const socket of interfaceSockets(directory)) {
      if (await answers(socket)) found.push({ name: socket.name, netns });
    }
  } catch {
    // This user may not list the directory.
  }
  return found;
}

async function answers(socket: Parameters<typeof connect>[0]) {
  try {
    (await connect(socket)).client.close();
    return true;
  } catch {
    return false;
  }
}

/** Returns Wireshark's name of an interface. */
export function extcapName({ name, netns }: ExtcapInterface): string {
  return `${PREFIX}${name}${netns === undefined ? "" : `@${netns}`}`;
}

/** Parses Wireshark's name of an interface; undefined if it is not one of this program. */
export function parseExtcapName(text: string): ExtcapInterface | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const [name = "", ...netns] = text.slice(PREFIX.length).split("@");
  return { name, netns: netns.length === 0 ? undefined : netns.join("@") };
}
