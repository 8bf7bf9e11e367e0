/**
 * The names of the files of a capture that starts others, as those of tcpdump(8):
 *
 * - With -G, the name is a format of strftime(3): %Y %m %d %H %M %S %s %j %y and %%. A name without such a field gets the
 *   number of the file, so that no file is overwritten (tcpdump overwrites it).
 * - With -C, the number of the file is appended, except to the first without -W.
 * - With -C and -W, the numbers start again after the last file, whose number of digits all have.
 */

/** What determines the names. */
export interface NameOptions {
  readonly path: string;
  /** True if files are started by time (-G). */
  readonly byTime: boolean;
  /** True if files are started by size (-C). */
  readonly bySize: boolean;
  /** Number of files after which the numbers start again (-W with -C). */
  readonly files?: number | undefined;
}

const FIELD = /%([YmdHMSsjy%])/g;

/**
 * Returns the name of file `number` of a capture, counted from 0.
 *
 * @param seconds start of the file in seconds since 1970; the fields are in local time
 */
export function fileName(
  { path, byTime, bySize, files }: NameOptions,
  number: number,
  seconds: number,
): string {
  const named = byTime ? format(path, new Date(seconds * 1000)) : path;
  if (bySize && !byTime && files !== undefined) {
    const digits = String(files - 1).length;
    return `${named}${String(number % files).padStart(digits, "0")}`;
  }
  const numbered = bySize || (byTime && named === path);
  return numbered && number > 0 ? `${named}${number}` : named;
}

function format(path: string, date: Date): string {
  return path.replace(FIELD, (_, field) => fieldOf(field, date));
}

function fieldOf(field: string, date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  switch (field) {
    case "Y":
      return String(date.getFullYear());
    case "y":
      return two(date.getFullYear() % 100);
    case "m":
      return two(date.getMonth() + 1);
    case "d":
      return two(date.getDate());
    case "H":
      return two(date.getHours());
    case "M":
      return two(date.getMinutes());
    case "S":
      return two(date.getSeconds());
    case "s":
      return String(Math.floor(date.getTime() / 1000));
    case "j":
      return String(dayOfYear(date)).padStart(3, "0");
    default:
      return "%";
  }
}

function dayOfYear(date: Date): number {
  const year = date.getFullYear();
  const day = Date.UTC(year, date.getMonth(), date.getDate());
  return 1 + (day - Date.UTC(year, 0, 1)) / 86_400_000;
}
