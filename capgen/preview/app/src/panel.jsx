// One panel: Grafana's frame around what its type draws, and an honest word where there is nothing to draw.
import { Component, useEffect, useState } from 'react';
import { css } from '@emotion/css';
import { Icon, PanelChrome } from '@grafana/ui';
import { hasValues, transformed } from './data.js';
import { AlertList } from './panels/alertlist.jsx';
import { BarGauges } from './panels/bargauge.jsx';
import { Heatmap } from './panels/heatmap.jsx';
import { Stat } from './panels/stat.jsx';
import { StateTimeline } from './panels/statetimeline.jsx';
import { PanelTable } from './panels/table.jsx';
import { Text } from './panels/text.jsx';
import { Series } from './panels/timeseries.jsx';

const TYPES = {
  bargauge: BarGauges,
  heatmap: Heatmap,
  stat: Stat,
  'state-timeline': StateTimeline,
  table: PanelTable,
  timeseries: Series,
};
const WITHOUT_QUERY = { alertlist: AlertList, text: Text };

export function Panel({ item, marks, range, theme, width, height }) {
  const { panel } = item;
  const frames = useTransformed(item);
  const problems = item.problems.join('\n');
  return (
    <PanelChrome
      title={panel.title}
      description={panel.description}
      displayMode={panel.transparent ? 'transparent' : 'default'}
      padding={panel.type === 'table' ? 'none' : 'md'}
      titleItems={<Links links={panel.links} />}
      statusMessage={problems || undefined}
      width={width}
      height={height}
    >
      {(innerWidth, innerHeight) => (
        <Caught key={`${innerWidth}`}>
          <Content item={item} marks={marks} frames={frames} range={range} theme={theme} width={innerWidth} height={innerHeight} />
        </Caught>
      )}
    </PanelChrome>
  );
}

function Content({ item, frames, ...size }) {
  const { panel } = item;
  const Alone = WITHOUT_QUERY[panel.type];
  if (Alone) {
    return <Alone item={item} {...size} />;
  }
  const Type = TYPES[panel.type];
  if (!Type) {
    return <Word {...size}>A panel of type {panel.type}, which a preview does not draw</Word>;
  }
  if (!frames) {
    return <Word {...size} />;
  }
  // A stat says "no value" in its own way.
  if (!hasValues(frames) && !(panel.type === 'stat' && panel.fieldConfig?.defaults?.noValue)) {
    return <Word {...size}>{item.problems.length ? 'The query failed' : panel.fieldConfig?.defaults?.noValue || 'No data'}</Word>;
  }
  return <Type panel={panel} frames={frames} {...size} />;
}

function useTransformed(item) {
  const [frames, setFrames] = useState(null);
  useEffect(() => {
    transformed(item).then(setFrames, (error) => {
      item.problems.push(`transformation: ${error.message}`);
      setFrames([]);
    });
  }, [item]);
  return frames;
}

function Word({ width, height, theme, children }) {
  const style = css({
    alignItems: 'center',
    color: theme.colors.text.secondary,
    display: 'flex',
    justifyContent: 'center',
    textAlign: 'center',
  });
  return (
    <div className={style} style={{ width, height }} data-word={children ? 'said' : 'waiting'}>
      {children}
    </div>
  );
}

function Links({ links = [] }) {
  return links.map((link) => (
    <span key={link.title} title={link.title} style={{ display: 'inline-flex', padding: '0 4px' }} data-link={link.url}>
      <Icon name="external-link-alt" size="sm" />
    </span>
  ));
}

/** A panel that cannot be drawn must not take the others with it. */
class Caught extends Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    return this.state.error ? <pre data-failed>{String(this.state.error)}</pre> : this.props.children;
  }
}
