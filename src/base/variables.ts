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
  FORCE_COLOR:
    "Enables colors in help even if the output is not a terminal; 0 or false disables them.",
  CLICOLOR_FORCE:
    "Enables colors in help even if the output is not a terminal.",
  IPOIB_LOG_FILE:
    "Set by `ipoib up --background` for the process that it starts: the log file of that process.",
  IPOIB_NETNS_FD:
    "Set by `ipoib up` when it restarts itself with fewer privileges: the descriptor of the network namespace.",
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
