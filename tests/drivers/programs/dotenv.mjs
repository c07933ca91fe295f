// Reads `.env` texts as wrangler does. The first argument is a file of JSON: an array of
// {"texts": [...], "environ": {...}}. Prints what each comes to, "endless" where expanding never ends.
import fs from "node:fs";
import dotenv from "dotenv";
import { expand } from "dotenv-expand";

const MOST_STEPS = 2000;
const MOST_CHARACTERS = 1000000;
const add = Set.prototype.add;
let steps = 0;
Set.prototype.add = function (value) {
  steps += 1;
  if (steps > MOST_STEPS || value.length > MOST_CHARACTERS) throw new RangeError("endless");
  return add.call(this, value);
};

const results = JSON.parse(fs.readFileSync(process.argv[2], "utf8")).map(({ texts, environ }) => {
  const parsed = {};
  for (const text of texts) dotenv.populate(parsed, dotenv.parse(Buffer.from(text)), { override: true });
  const raw = { ...parsed };
  const expanded = { ...environ };
  steps = 0;
  try {
    expand({ processEnv: expanded, parsed });
  } catch (error) {
    if (error.message !== "endless") throw error;
    return { raw, expanded: "endless" };
  }
  return { raw, expanded };
});
console.log(JSON.stringify(results));
