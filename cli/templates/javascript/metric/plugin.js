// {{summary}}.

import { distinct } from "curricle";

export default class {{Name}} {
  static values = "float32";

  measure(samples) {
    // `distinct` works at the engine's speed; a loop over tokens would be 25 times as slow.
    return samples.map((tokens) => (tokens.length > 0 ? distinct(tokens).size / tokens.length : 0));
  }
}
