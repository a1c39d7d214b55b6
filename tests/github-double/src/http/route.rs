//! Which function answers which request. Templates are written as in GitHub's description.

use super::call::Call;
use super::reply::Answer;
use crate::rest;
use crate::state::State;

/// A method on a path template, and what answers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) handler: Handler,
}

pub(crate) type Handler = fn(&mut State, &Call) -> Answer;

pub(crate) const fn get(template: &'static str, handler: Handler) -> Route {
    Route { method: "GET", template, handler }
}

pub(crate) const fn post(template: &'static str, handler: Handler) -> Route {
    Route { method: "POST", template, handler }
}

pub(crate) const fn patch(template: &'static str, handler: Handler) -> Route {
    Route { method: "PATCH", template, handler }
}

pub(crate) const fn put(template: &'static str, handler: Handler) -> Route {
    Route { method: "PUT", template, handler }
}

pub(crate) const fn delete(template: &'static str, handler: Handler) -> Route {
    Route { method: "DELETE", template, handler }
}

/// All routes of the REST API, by area.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    rest::ROUTES.iter().flat_map(|area| area.iter())
}

/// The route for a request, and its path parameters.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<(String, String)>)> {
    all()
        .filter(|route| route.method == method)
        .filter_map(|route| Some((route, match_path(route.template, path)?)))
        // Fewer parameters are the more particular route: `/pulls/comments/{comment_id}`.
        // Of equals the longer template: `/commits/{ref}/status` before `/commits/{ref}` with slashes in it.
        .min_by_key(|(route, parameters)| (parameters.len(), std::cmp::Reverse(route.template.len())))
}

fn match_path(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let (mut template, mut path) = (template, path);
    loop {
        let (wanted, more_wanted) = split(template);
        let (given, more_given) = split(path);
        let name = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match name {
            // Paths and refs have slashes of their own, where nothing comes after them.
            Some(name @ ("path" | "ref" | "basehead" | "branch" | "tag")) if more_wanted.is_none() => {
                parameters.push((name.to_owned(), decoded(path)));
                return (!path.is_empty()).then_some(parameters);
            }
            Some(name) if !given.is_empty() => parameters.push((name.to_owned(), decoded(given))),
            None if wanted == given => {}
            _ => return None,
        }
        match (more_wanted, more_given) {
            (None, None) => return Some(parameters),
            (Some(wanted), Some(given)) => (template, path) = (wanted, given),
            _ => return None,
        }
    }
}

/// The first segment, and what comes after it.
fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

fn decoded(segment: &str) -> String {
    // In a path these are themselves; the form decoder would take them for its own.
    let plus = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(plus.as_bytes())
        .next()
        .map_or_else(String::new, |(text, _)| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_the_particular_route_wins() {
        let (route, parameters) = find("GET", "/repos/a/b%2Dc/pulls/comments/7").expect("a route");
        assert_eq!(route.template, "/repos/{owner}/{repo}/pulls/comments/{comment_id}");
        assert_eq!(parameters[1], ("repo".to_owned(), "b-c".to_owned()));
        let (route, parameters) = find("GET", "/repos/a/b/contents/.github/deputy.toml").expect("a route");
        assert_eq!(parameters[2].1, ".github/deputy.toml");
        assert_eq!(route.template, "/repos/{owner}/{repo}/contents/{path}");
        let (_, parameters) = find("GET", "/repos/a/b/commits/feature%2Fx/check-runs").expect("a route");
        assert_eq!(parameters[2].1, "feature/x");
    }

    #[test]
    fn every_route_is_one_of_githubs() {
        for route in all() {
            let known = crate::schema::operation(route.method, route.template);
            assert!(known.is_some(), "GitHub has no {} {}", route.method, route.template);
        }
    }
}
