/** Entry point of the program: runs the command line and exits with its exit code. */

import { run } from "./src/cli/run.ts";
import { systemEnvironment } from "./src/cli/system_environment.ts";

Deno.exit(await run(Deno.args, systemEnvironment()));
