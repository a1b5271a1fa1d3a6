// Grafana's icons, those that a preview shows, drawn from the bundle and not fetched from a Grafana.
import { forwardRef } from 'react';
import bell from 'icons/unicons/bell.svg';
import angleDown from 'icons/unicons/angle-down.svg';
import arrowDown from 'icons/unicons/arrow-down.svg';
import arrowUp from 'icons/unicons/arrow-up.svg';
import clock from 'icons/unicons/clock-nine.svg';
import exclamation from 'icons/unicons/exclamation-triangle.svg';
import external from 'icons/unicons/external-link-alt.svg';
import info from 'icons/unicons/info-circle.svg';
import heart from 'icons/mono/heart.svg';
import heartBreak from 'icons/mono/heart-break.svg';

const ICONS = {
  bell,
  heart,
  'angle-down': angleDown,
  'arrow-down': arrowDown,
  'arrow-up': arrowUp,
  'clock-nine': clock,
  'exclamation-triangle': exclamation,
  'external-link-alt': external,
  'heart-break': heartBreak,
  'info-circle': info,
};

const Icon = forwardRef(function Icon({ src, innerRef, title, loader, onLoad, onError, ...rest }, ref) {
  const name = src.slice(src.lastIndexOf('/') + 1).replace(/\.svg$/, '');
  const [, viewBox = '0 0 24 24'] = /viewBox="([^"]+)"/.exec(ICONS[name] ?? '') ?? [];
  const paths = (ICONS[name] ?? '').replace(/^[^]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');
  return <svg {...rest} ref={innerRef ?? ref} viewBox={viewBox} dangerouslySetInnerHTML={{ __html: paths }} />;
});

export default Icon;
