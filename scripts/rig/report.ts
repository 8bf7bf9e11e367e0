/** Prints measurements, which no test checks. */

const encoder = new TextEncoder();

export function report(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`measured: ${text}\n`));
}
