// The state timeline, which Grafana does not publish: a lane a series, equal neighbours merged, values by mapping.
import { useMemo } from 'react';
import { formattedValueToString, getFieldDisplayName } from '@grafana/data';
import { VizLegend } from '@grafana/ui';
import { configured } from '../data.js';
import { AXIS_HEIGHT, TimeAxis } from '../timeaxis.jsx';

const GAP = 4;
const LETTER = 7;
const LEGEND_HEIGHT = 30;
const LONGEST_NAME = 28;
const TEXT_ROOM = 12;

export function StateTimeline({ panel, frames, range, theme, width, height }) {
  const lanes = useMemo(() => lanesOf(panel, frames, theme, range), [panel, frames, theme, range]);
  const options = { mergeValues: true, rowHeight: 0.9, showValue: 'auto', ...panel.options };
  const showLegend = options.legend?.showLegend ?? true;
  const left = Math.min(width * 0.35, Math.max(...lanes.map((lane) => lane.name.length)) * LETTER + 12);
  const bottom = AXIS_HEIGHT + (showLegend ? LEGEND_HEIGHT : 0);
  const plot = { width: width - left - 4, height: height - bottom };
  const lane = plot.height / lanes.length;
  const thick = Math.max(4, Math.min(lane - GAP, lane * options.rowHeight));
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const x = (at) => left + ((Math.min(Math.max(at, from), to) - from) / (to - from)) * plot.width;
  return (
    <div style={{ width, height }}>
      <svg width={width} height={height - (showLegend ? LEGEND_HEIGHT : 0)} role="img" aria-label={panel.title}>
        {lanes.map(({ name, states }, number) => {
          const top = number * lane + (lane - thick) / 2;
          return (
            <g key={name} data-lane={name}>
              <text x={left - 8} y={top + thick / 2 + 4} textAnchor="end" fontSize={12} fill={theme.colors.text.primary}>
                {shortened(name, left)}
              </text>
              {merged(states, options.mergeValues).map(({ begin, end, text, color }) => (
                <g key={begin} data-state={text}>
                  <rect x={x(begin)} y={top} width={Math.max(1, x(end) - x(begin))} height={thick} fill={color}>
                    <title>{`${name}: ${text}`}</title>
                  </rect>
                  {options.showValue !== 'never' && x(end) - x(begin) > text.length * LETTER + TEXT_ROOM && thick > 12 && (
                    <text x={x(begin) + 6} y={top + thick / 2 + 4} fontSize={12} fill={theme.colors.getContrastText(color)}>
                      {text}
                    </text>
                  )}
                </g>
              ))}
            </g>
          );
        })}
        <TimeAxis range={range} left={left} top={plot.height} width={plot.width} theme={theme} />
      </svg>
      {showLegend && <VizLegend items={legend(lanes)} displayMode="list" placement="bottom" />}
    </div>
  );
}

function lanesOf(panel, frames, theme, range) {
  const { data } = configured(panel, frames, theme);
  return data.flatMap((frame) => {
    const times = frame.fields.find((field) => field.type === 'time')?.values ?? [];
    const step = times.length > 1 ? times[1] - times[0] : 0;
    return frame.fields
      .filter((field) => field.type !== 'time')
      .map((field) => ({
        name: getFieldDisplayName(field, frame, data),
        states: field.values.map((value, row) => {
          const shown = field.display(value);
          const end = Math.min(times[row + 1] ?? times[row] + step, times[row] + 3 * step, range.to.valueOf());
          return value == null ? null : { begin: times[row], end, text: formattedValueToString(shown), color: shown.color ?? theme.colors.text.disabled };
        }),
      }));
  });
}

function merged(states, merge) {
  const found = [];
  for (const state of states.filter(Boolean)) {
    const last = found.at(-1);
    if (merge && last && last.text === state.text && last.end >= state.begin) {
      found[found.length - 1] = { ...last, end: state.end };
    } else {
      found.push(state);
    }
  }
  return found;
}

function legend(lanes) {
  const states = new Map(lanes.flatMap((lane) => lane.states.filter(Boolean).map((state) => [state.text, state.color])));
  return [...states].map(([label, color]) => ({ label, color, yAxis: 1 }));
}

function shortened(name, room) {
  const most = Math.min(LONGEST_NAME, Math.floor((room - 12) / LETTER));
  return name.length > most + 1 ? `${name.slice(0, most)}…` : name;
}
