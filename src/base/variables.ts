/** The environment variables that the program reads. No other module reads the environment. */

/** The variables and their descriptions in the help. */
export const VARIABLES = {
  IPOIB_RUNTIME_DIR:
    "Directory of control sockets and embedded subnets. Default: /run/ipoib.",
  IPOIB_CONFIG_DIR: "Directory of configuration files. Default: /etc/ipoib.",
  IPOIB_LOG_DIR:
    "Directory of the logs of `ipoib up --background`. Default: /var/log/ipoib for root; the directory log in the runtime directory with IPOIB_RUNTIME_DIR or --user, and for other users.",
  NOTIFY_SOCKET:
    "Socket of the service manager that receives readiness notifications (sd_notify(3)).",
  JOURNAL_STREAM:
    "Set by systemd: the device and inode of the stream to the journal. The log goes to the journal if standard error is that stream.",
  NO_COLOR: "Disables colors if set and not empty.",
  LC_ALL:
    "The locale. If it is unset, LC_CTYPE applies, then LANG. If it does not name UTF-8, `ipoib top` prints ASCII only.",
  LC_CTYPE: "See LC_ALL.",
  LANG: "See LC_ALL.",
  FORCE_COLOR:
    "Enables colors in help even if the output is not a terminal; 0 or false disables them.",
  CLICOLOR_FORCE:
    "Enables colors in help even if the output is not a terminal.",
  IPOIB_LOG_FILE:
    "Set by `ipoib up --background` for the process that it starts: the log file of that process.",
  IPOIB_NETNS_FD:
    "Set by `ipoib up` when it restarts itself with fewer privileges: the descriptor of the network namespace.",
  IPOIB_HANDOVER:
    "Set by `ipoib upgrade` for the process that it starts: the socket of the process whose interfaces that takes over.",
  LISTEN_PID:
    "Set by the service manager: the process to which it passes descriptors (sd_listen_fds(3)).",
  LISTEN_FDS: "Number of descriptors that the service manager passes.",
  LISTEN_FDNAMES: "Names of the descriptors that the service manager passes.",
  INVOCATION_ID:
    "Set by systemd for all processes of a unit: `ipoib upgrade` compares it with that of the running process.",
} as const satisfies Record<string, string>;

export type Variable = keyof typeof VARIABLES;

/** The variables that a container runtime sets for a CNI plugin (`ipoib cni`). */
export const CNI_VARIABLES = [
  "CNI_COMMAND",
  "CNI_CONTAINERID",
  "CNI_NETNS",
  "CNI_IFNAME",
  "CNI_PATH",
] as const;

export type CniVariable = typeof CNI_VARIABLES[number];

/** Returns the value of a variable, or undefined if it is unset or empty. */
export function variable(name: Variable | CniVariable): string | undefined {
  return Deno.env.get(name) || undefined;
}

/** Returns the user's locale of characters (locale(7)), as `de_DE.UTF-8`. */
export function characterLocale(): string {
  return variable("LC_ALL") ?? variable("LC_CTYPE") ?? variable("LANG") ?? "C";
}

/** True if a locale has the encoding UTF-8. */
export function isUtf8(locale: string): boolean {
  return /\.utf-?8/i.test(locale);
}
