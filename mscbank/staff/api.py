"""People and sites over the API."""

from mscbank.core.web.api import Api
from mscbank.staff import actions, enrolling, schemas
from mscbank.staff.models import Site, User

people = Api("staff", User, schemas.PersonSchema, path="people", doc="Accounts and roles")
people.lists()
people.shows()
people.creates(actions.register, schemas.RegisterSchema)
people.acts(actions.grant_role, schemas.RoleSchema, at="roles")
people.acts(actions.end_role, schemas.EndRoleSchema, at="end-role")
people.acts(enrolling.reset_factors)
people.acts(actions.disable)
people.acts(actions.enable)
people.acts(actions.open_presence, schemas.StationSchema, at="presence")
people.acts(actions.close_presence, schemas.StationSchema, at="leave")

sites = Api("staff", Site, schemas.SiteSchema, path="sites", doc="Sites")
sites.lists()
sites.shows()
sites.creates(actions.open_site, schemas.OpenSiteSchema)

apis = [people, sites]
