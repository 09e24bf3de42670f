"""People and sites over the API."""

from typing import Any

from sqlalchemy import select

from mscbank.core.db import session
from mscbank.core.masters import MasterKey
from mscbank.core.web.api import Api
from mscbank.staff import actions, emergency, enrolling, identities, presence, reviewing, schemas
from mscbank.staff.keys import sign_check
from mscbank.staff.models import Badge, RoleGrant, Site, User
from mscbank.staff.reviewing import AccessReview

people = Api("staff", User, schemas.PersonSchema, path="people", doc="Accounts and roles")
people.lists()
people.shows()
people.creates(actions.register, schemas.RegisterSchema)
people.acts(actions.grant_role, schemas.RoleSchema, at="roles")
people.acts(actions.end_role, schemas.EndRoleSchema, at="end-role")
people.acts(actions.end_sessions, at="end-sessions")
people.acts(actions.end_own_sessions, schemas.SessionSchema, at="end-own-sessions")
people.acts(actions.revoke_token, schemas.TokenNumberSchema, at="revoke-token")
people.acts(identities.unlink, at="unlink")
people.acts(emergency.review_seal, schemas.FindingSchema, at="review-use")
people.acts(enrolling.reset_factors)
people.acts(actions.disable)
people.acts(actions.enable)
people.acts(presence.open_presence, schemas.StationSchema, at="presence")
people.acts(presence.close_presence, schemas.StationSchema, at="leave")


def roles_of(user: User) -> dict[str, Any]:
    """Every role of somebody with its number, ended ones too."""
    rows = session.scalars(select(RoleGrant).where(RoleGrant.person_id == user.id).order_by(RoleGrant.number))
    return {
        "roles": [
            {
                "number": grant.number, "role": grant.role, "site": grant.at.code if grant.at else None,
                "starts_at": grant.starts_at, "ends_at": grant.ends_at,
            }
            for grant in rows
        ]
    }  # fmt: skip


people.reads("grants", roles_of, schemas.GrantsSchema)

sites = Api("staff", Site, schemas.SiteSchema, path="sites", doc="Sites")
sites.lists()
sites.shows()
sites.creates(actions.open_site, schemas.OpenSiteSchema)

sites.acts(actions.set_formats, schemas.FormatsSchema, at="formats")

keys = Api("staff", MasterKey, schemas.MasterKeySchema, path="keys", doc="Master keys, by fingerprint")
keys.lists()
keys.shows()
keys.acts(sign_check, at="sign-check")

badges = Api("staff", Badge, schemas.BadgeSchema, path="badges", doc="Badges")
badges.lists()
badges.shows()
badges.creates(presence.issue_badge, schemas.IssueBadgeSchema)
badges.acts(presence.revoke_badge, at="revoke")

reviews = Api(
    "staff", AccessReview, schemas.AccessReviewSchema, path="access-reviews", doc="Reviews of access"
)
reviews.lists()
reviews.shows()
reviews.creates(reviewing.sign, schemas.ReviewSchema)

apis = [people, sites, keys, badges, reviews]
