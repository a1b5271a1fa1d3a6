// The page around the panels: heading, variables, and Grafana's grid of 24 columns, which is one column on a phone.
import { useEffect, useMemo, useState } from 'react';
import { css } from '@emotion/css';
import { dateTime, dateTimeFormat } from '@grafana/data';
import { Icon } from '@grafana/ui';
import { Panel } from './panel.jsx';

const COLUMNS = 24;
const UNIT = 30;
const GAP = 8;
const MARGIN = 16;
const NARROW = 769;
const NARROWEST = 320;

export function Dashboard({ content, theme }) {
  const width = useWidth() - 2 * MARGIN;
  const styles = useMemo(() => getStyles(theme), [theme]);
  const range = useMemo(() => timeRange(content.range), [content.range]);
  const places = layout(content.items, width);
  const height = Math.max(0, ...places.map((place) => place.top + place.height));
  return (
    <div className={styles.page} data-page>
      <Heading content={content} styles={styles} range={range} theme={theme} />
      <div className={styles.grid} style={{ height }}>
        {content.items.map((item, number) => (
          <div key={item.key} className={styles.place} style={places[number]} data-panel={item.panel.id} data-type={item.panel.type}>
            {item.panel.type === 'row' ? (
              <div className={styles.row} data-row>
                <Icon name="angle-down" /> {item.panel.title}
                {item.panel.collapsed && <span className={styles.note}>collapsed in Grafana</span>}
              </div>
            ) : (
              <Panel item={item} marks={content.marks} range={range} theme={theme} width={places[number].width} height={places[number].height} />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

function Heading({ content, styles, range, theme }) {
  return (
    <header>
      <div className={styles.top}>
        <h1>{content.title}</h1>
        {content.tags.map((tag) => (
          <span key={tag} className={styles.tag}>
            {tag}
          </span>
        ))}
        <span className={styles.range}>
          <Icon name="clock-nine" /> {span(range)}
        </span>
      </div>
      {content.description && <p className={styles.description}>{content.description}</p>}
      <div className={styles.variables}>
        {content.variables.map((variable) => (
          <span key={variable.name} className={styles.variable} data-variable={variable.name}>
            <label>{variable.label}</label>
            <span>{variable.value}</span>
          </span>
        ))}
        {content.links.map((link) => (
          <span key={link.title} className={styles.link}>
            <Icon name="external-link-alt" size="sm" /> {link.title}
          </span>
        ))}
        {content.marks.map((mark) => (
          <span key={mark.name} className={styles.mark} title={mark.problem || undefined} data-mark={mark.spans.length}>
            <i style={{ background: theme.visualization.getColorByName(mark.color) }} /> {mark.name}
            {mark.problem && ': the query failed'}
          </span>
        ))}
        <span className={styles.source} data-source>
          {content.source}
        </span>
      </div>
    </header>
  );
}

function useWidth() {
  const now = () => Math.max(NARROWEST, document.documentElement.clientWidth);
  const [width, setWidth] = useState(now);
  useEffect(() => {
    const follow = () => setWidth(now());
    window.addEventListener('resize', follow);
    // The first drawing brings a scroll bar with it, which nobody is told of.
    follow();
    return () => window.removeEventListener('resize', follow);
  }, []);
  return width;
}

function layout(items, width) {
  if (width + 2 * MARGIN < NARROW) {
    let top = 0;
    return items.map(({ grid }) => {
      const height = pixels(grid.h);
      top += height + GAP;
      return { left: 0, top: top - height - GAP, width, height };
    });
  }
  const column = (width + GAP) / COLUMNS;
  return items.map(({ grid }) => ({
    left: Math.round(grid.x * column),
    top: grid.y * (UNIT + GAP),
    width: Math.round((grid.x + grid.w) * column) - Math.round(grid.x * column) - GAP,
    height: pixels(grid.h),
  }));
}

const pixels = (units) => units * (UNIT + GAP) - GAP;

function timeRange({ from, to }) {
  const [first, last] = [dateTime(from), dateTime(to)];
  return { from: first, to: last, raw: { from: first, to: last } };
}

function span({ from, to }) {
  const shown = (time, format) => dateTimeFormat(time, { format, timeZone: 'utc' });
  return `${shown(from, 'YYYY-MM-DD HH:mm')} to ${shown(to, 'YYYY-MM-DD HH:mm')} UTC`;
}

const getStyles = (theme) => ({
  page: css({
    background: theme.colors.background.canvas,
    color: theme.colors.text.primary,
    minHeight: '100vh',
    padding: MARGIN,
  }),
  top: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    h1: { ...theme.typography.h3, margin: 0 },
  }),
  tag: css({
    ...theme.typography.bodySmall,
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.default,
    padding: theme.spacing(0, 0.75),
  }),
  range: css({ marginLeft: 'auto', color: theme.colors.text.secondary }),
  description: css({ color: theme.colors.text.secondary, margin: theme.spacing(0.5, 0, 0) }),
  variables: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    margin: theme.spacing(1, 0, 2),
  }),
  variable: css({
    display: 'inline-flex',
    border: `1px solid ${theme.components.input.borderColor}`,
    borderRadius: theme.shape.radius.default,
    overflow: 'hidden',
    fontSize: theme.typography.bodySmall.fontSize,
    label: {
      margin: 0,
      padding: theme.spacing(0.5, 1),
      background: theme.colors.background.secondary,
      fontWeight: theme.typography.fontWeightMedium,
    },
    span: {
      padding: theme.spacing(0.5, 1),
      background: theme.components.input.background,
      maxWidth: 280,
      overflow: 'hidden',
      textOverflow: 'ellipsis',
      whiteSpace: 'nowrap',
    },
  }),
  link: css({ color: theme.colors.text.link, fontSize: theme.typography.bodySmall.fontSize }),
  mark: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    i: { display: 'inline-block', width: 8, height: 8, borderRadius: '50%', marginRight: 2 },
  }),
  source: css({ marginLeft: 'auto', color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  grid: css({ position: 'relative' }),
  place: css({ position: 'absolute' }),
  row: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    height: UNIT,
    fontSize: theme.typography.h5.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
    overflow: 'hidden',
    whiteSpace: 'nowrap',
  }),
  note: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, fontWeight: 'normal' }),
});
