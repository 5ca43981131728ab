// {{summary}}.

import type { Packer } from "curricle";

interface Config {
  open?: number;
}

interface Row {
  tokens: number;
  samples: number;
}

export default class {{Name}} implements Packer<Config> {
  private open = 8;

  configure(config: Config): void {
    this.open = config.open ?? 8;
  }

  pack(lengths: Uint32Array, capacity: number, maxSamples = lengths.length): Uint32Array {
    const rows: Row[] = [];
    return lengths.map((length) => {
      const hasRoom = (row: Row) => row.tokens + length <= capacity && row.samples < maxSamples;
      let place = Math.max(rows.length - this.open, 0);
      while (place < rows.length && !hasRoom(rows[place])) place++;
      if (place === rows.length) rows.push({ tokens: 0, samples: 0 });
      rows[place].tokens += length;
      rows[place].samples += 1;
      return place;
    });
  }
}
