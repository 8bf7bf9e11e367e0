/** The environment variables that change what the program does: all of them, and nothing reads another one. */

/** Each with one sentence, for the help and the manual. */
export const VARIABLES = {
  IPOIB_RUNTIME_DIR:
    "Folder of control sockets, logs and embedded subnets; /run/ipoib if it is not set.",
  NOTIFY_SOCKET:
    "Socket of the service manager, to which readiness is reported (sd_notify(3)).",
  NO_COLOR: "Text has no colours if it is set and not empty.",
  FORCE_COLOR: "Help has colours if it is set, also where it is no terminal.",
  CLICOLOR_FORCE: "The same as FORCE_COLOR.",
  IPOIB_LOG_FILE:
    "Set by `ipoib up --background` for the process that it starts: the file that this writes to.",
  IPOIB_NETNS_FD:
    "Set by `ipoib up` when it starts itself again with fewer rights: the descriptor of the namespace.",
} as const satisfies Record<string, string>;

export type Variable = keyof typeof VARIABLES;

/** The value of a variable; undefined if it is not set, or empty. */
export function variable(name: Variable): string | undefined {
  return Deno.env.get(name) || undefined;
}
