// A time axis like that of Grafana's charts, for the panels that are drawn here as SVG.
import { dateTimeFormat } from '@grafana/data';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 90 * DAY];
const LABEL_WIDTH = 80;

export const AXIS_HEIGHT = 22;

export function TimeAxis({ range, left, top, width, theme }) {
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const step = STEPS.find((step) => ((to - from) / step) * LABEL_WIDTH <= width) ?? STEPS.at(-1);
  const format = step >= DAY ? 'MM/DD' : 'HH:mm';
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    ticks.push(at);
  }
  return (
    <g fill={theme.colors.text.primary} fontSize={12} textAnchor="middle">
      {ticks.map((at) => {
        const x = left + ((at - from) / (to - from)) * width;
        return (
          <text key={at} x={Math.min(Math.max(x, left + 16), left + width - 16)} y={top + 16}>
            {dateTimeFormat(at, { format, timeZone: 'utc' })}
          </text>
        );
      })}
    </g>
  );
}
