/** Asks the processes of several interfaces at once, each with a time limit. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import {
  type InterfaceSocket,
  interfaceSockets,
  namespaceDirectories,
  type NamespaceDirectory,
  socketDirectory,
} from "../ipc/locate.ts";
import type { CliEnvironment } from "./environment.ts";
import { connect, isMovedChild, type Target } from "./session.ts";

/** Number of simultaneous connections. */
const MAX_CONNECTIONS = 64;

/** The interfaces that a command shows. */
export interface Selection {
  /** Name of the interface; undefined for all. */
  readonly name?: string | undefined;
  /** A namespace given by NAME, PID or PATH; undefined for that of this process. */
  readonly netns?: string | undefined;
  /** True for all namespaces of the host. */
  readonly allNetns: boolean;
  /** False to ask each process once, for its parent and the children in the namespace of the parent. */
  readonly eachInterface: boolean;
}

/** The answer of one process. */
export interface Answer<T> {
  readonly place: NamespaceDirectory;
  /** Name of the interface whose socket was asked. */
  readonly name: string;
  readonly result: T | IpoibError;
}

export interface Listing<T> {
  /** By namespace and name. Without those of processes that have ended. */
  readonly answers: Answer<T>[];
  /** True if other namespaces cannot be listed for lack of permission. */
  readonly incomplete: boolean;
}

/** A socket to ask. */
export interface Asked {
  readonly place: NamespaceDirectory;
  readonly socket: InterfaceSocket;
}

/**
 * Calls `ask` for each interface of the selection.
 *
 * Throws `E_NETNS`, and `E_IPC_PERMISSION` (EACCES) if the interfaces of the given namespace cannot be listed.
 */
export async function askAll<T>(
  environment: CliEnvironment,
  selection: Selection,
  ask: (target: Target) => Promise<T>,
): Promise<Listing<T>> {
  const { asked, incomplete } = await socketsOf(environment, selection);
  const answers: Answer<T>[] = [];
  for (let at = 0; at < asked.length; at += MAX_CONNECTIONS) {
    const some = asked.slice(at, at + MAX_CONNECTIONS);
    answers.push(
      ...await Promise.all(some.map(async ({ place, socket }) => ({
        place,
        name: socket.name,
        result: await answerOf(socket, ask, environment.replyLimitMs),
      }))),
    );
  }
  return {
    answers: answers.filter(({ result }) => !isEnded(result)),
    incomplete,
  };
}

/**
 * Returns the sockets of the interfaces of the selection. `incomplete` is true if other namespaces cannot be listed for
 * lack of permission. Throws the errors of {@linkcode askAll}.
 */
export async function socketsOf(
  environment: CliEnvironment,
  selection: Selection,
): Promise<{ asked: Asked[]; incomplete: boolean }> {
  if (selection.allNetns) return everywhere(environment, selection);
  const place = await placeOf(environment, selection);
  return { asked: socketsIn(place, selection), incomplete: false };
}

/** Throws an `E_IPC_PERMISSION` of the list if it has one and no process has answered, or if the list is incomplete. */
export function checkPermitted(
  { answers, incomplete }: Listing<unknown>,
): void {
  if (incomplete) throw namespacesHidden();
  const denied = errorsOfAll(answers)
    .find(({ code }) => code === "E_IPC_PERMISSION");
  if (denied) throw denied;
}

/** Returns the errors if no process has answered, otherwise none. */
export function errorsOfAll(
  answers: readonly Answer<unknown>[],
): readonly IpoibError[] {
  const errors = answers.map(({ result }) => result)
    .filter((result) => result instanceof IpoibError);
  return errors.length === answers.length ? errors : [];
}

/** Returns the error of an incomplete list. */
export function namespacesHidden(): IpoibError {
  return new IpoibError(
    "E_IPC_PERMISSION",
    "Permission denied on the interfaces of other network namespaces",
    { errno: Errno.EACCES, hint: "run the command as root" },
  );
}

async function placeOf(
  environment: CliEnvironment,
  { netns }: Selection,
): Promise<NamespaceDirectory> {
  const { inode, initial } = await environment.namespace(netns);
  const path = socketDirectory(environment.runtime, { inode, initial });
  return { path, inode: initial ? undefined : inode };
}

/** Returns the sockets in all namespaces, without those that this user may not list. */
function everywhere(
  { runtime }: CliEnvironment,
  selection: Selection,
): { asked: Asked[]; incomplete: boolean } {
  let incomplete = false;
  const permitted = <T>(list: () => T[]): T[] => {
    try {
      return list();
    } catch (error) {
      if (IpoibError.from(error).code !== "E_IPC_PERMISSION") throw error;
      incomplete = true;
      return [];
    }
  };
  const places = [
    { path: runtime, inode: undefined },
    ...permitted(() => namespaceDirectories(runtime)),
  ];
  const asked = places.flatMap((place) =>
    permitted(() => socketsIn(place, selection))
  );
  return { asked, incomplete };
}

function socketsIn(
  place: NamespaceDirectory,
  { name, eachInterface }: Selection,
): Asked[] {
  return interfaceSockets(place.path).filter((socket) =>
    name === undefined
      ? eachInterface || socket.target === undefined || isMovedChild(socket)
      : socket.name === name
  ).map((socket) => ({ place, socket }));
}

async function answerOf<T>(
  socket: InterfaceSocket,
  ask: (target: Target) => Promise<T>,
  limitMs: number,
): Promise<T | IpoibError> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(notAnswering(socket.name, limitMs)),
    limitMs,
  );
  try {
    return await Promise.race([
      connectAndAsk(socket, ask, late.promise),
      late.promise,
    ]);
  } catch (error) {
    return IpoibError.from(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes the connection also if `late` is rejected. */
async function connectAndAsk<T>(
  socket: InterfaceSocket,
  ask: (target: Target) => Promise<T>,
  late: Promise<never>,
): Promise<T> {
  using target = await connect(socket);
  return await Promise.race([ask(target), late]);
}

function notAnswering(name: string, limitMs: number): IpoibError {
  return new IpoibError(
    "E_IPC_TIMEOUT",
    `${name} did not reply within ${limitMs / 1000} s`,
    {
      errno: Errno.ETIMEDOUT,
      hint: "its process may be stopped or overloaded",
    },
  );
}

function isEnded(result: unknown): boolean {
  return result instanceof IpoibError && result.code === "E_NOT_RUNNING";
}
