/** The executable: words to the command line, its code to the system. */

import { run } from "./src/cli/run.ts";
import { systemEnvironment } from "./src/cli/system_environment.ts";

Deno.exit(await run(Deno.args, systemEnvironment()));
